"""The files under ``days/``: which there are, which count, and how those that no longer do go away.

``<table>/<day>_<proxy_id>.<number>.parquet`` holds rows of one UTC day and proxy; ``open`` and ``husks`` are not
divided by days. The number is the file's alone. A number is hidden (in the marks) before its file lands and when other
files have taken over its rows; a hidden file is removed when no query can be about to read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from weir.audit.store.parquet import ParquetFiles
from weir.audit.store.tables import LEVELS

__all__ = ["Part", "Parts"]

_NAME = re.compile(r"(?P<day>[^_]*)_(?P<proxy>.*)\.(?P<number>\d+)\.parquet")


@dataclass(frozen=True, slots=True)
class Part:
    """One file: ``day`` is ``YYYY-MM-DD``, ``undated``, or empty for a table that is not divided."""

    table: str
    day: str
    proxy: str
    number: int

    @property
    def name(self) -> str:
        """Its file's name."""
        return f"{self.day}_{self.proxy}.{self.number:012d}.parquet"


class Parts:
    """What is under ``days/``. ``live`` counts, with rows by part; ``retired`` does not, by when that was noticed."""

    def __init__(self, files: ParquetFiles) -> None:
        self._files = files
        self.live: dict[Part, int] = {}
        self.retired: dict[Part, float] = {}
        self._next = 1

    def recover(self, hidden: Iterable[int], now: float) -> None:
        """Learn from the files what is there."""
        away = set(hidden)
        self.live, self.retired = {}, {}
        self._next = max(away, default=0) + 1
        for table in LEVELS["days"]:
            for path, rows in self._files.rows("days", table).items():
                named = _NAME.fullmatch(path.name)
                if named is None:
                    continue
                part = Part(table, named["day"], named["proxy"], int(named["number"]))
                self._next = max(self._next, part.number + 1)
                if rows == 0 or part.number in away:
                    self.retired[part] = now
                else:
                    self.live[part] = rows

    def allocate(self, table: str, day: str = "", proxy: str = "") -> Part:
        """A part that is not written yet."""
        part = Part(table, day, proxy, self._next)
        self._next += 1
        return part

    def path(self, part: Part) -> Path:
        """Where a part's file is."""
        return self._files.directory("days", part.table) / part.name

    def of(self, table: str) -> list[Part]:
        """The live parts of a table in the order they were made."""
        return sorted((part for part in self.live if part.table == table), key=lambda part: part.number)

    def paths(self, table: str) -> list[Path]:
        """The files of the live parts of a table."""
        return [self.path(part) for part in self.of(table)]

    def due(self, before: float) -> list[Part]:
        """What was retired before a time."""
        return [part for part, since in self.retired.items() if since <= before]

    def remove(self, part: Part) -> None:
        """Remove a part that was retired. Raises OSError."""
        self.path(part).unlink(missing_ok=True)
        self.retired.pop(part, None)
