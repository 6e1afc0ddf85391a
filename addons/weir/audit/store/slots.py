"""The files of ``hot/`` and ``warm/``: each is written once, and removed when its rows stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weir.audit.store.parquet import SEED, ParquetFiles
from weir.audit.store.tables import LEVELS

__all__ = ["Held", "Slots"]


@dataclass(frozen=True, slots=True)
class Held:
    """What stands in a slot and counts: batches ``first`` to ``last``."""

    first: int
    last: int
    rows: int


class Slots:
    """The slots of one level: by number, with what counts there, or since when nothing does."""

    def __init__(self, files: ParquetFiles, level: str) -> None:
        self._files, self._level = files, level
        self.live: dict[int, Held] = {}
        self.retired: dict[int, float] = {}
        self._top = -1  # the highest number there has been

    def recover(self, visible_from: int, orphan_from: int, now: float) -> None:
        """Learn from the files what is there. Those with rows of batch ``orphan_from`` on are removed: the rows come
        again."""
        self.live, self.retired, self._top = {}, {}, -1
        for table in LEVELS[self._level]:
            rows = self._files.rows(self._level, table)
            self._top = max([self._top, *(int(path.stem) for path in rows if path.name != SEED)])
            for path, (first, last) in self._files.batches(self._level, table).items():
                if last >= orphan_from:
                    path.unlink()
                elif table == "events" and last >= visible_from:
                    self.live[int(path.stem)] = Held(first, last, rows[path])
                else:
                    self.retired[int(path.stem)] = now
        for slot in self.live:
            self.retired.pop(slot, None)

    def fresh(self) -> int:
        """A number that is not in use: no query has listed its files."""
        self._top += 1
        return self._top

    def path(self, table: str, slot: int) -> Path:
        """Where a table's file of a slot is."""
        return self._files.directory(self._level, table) / f"{slot:08d}.parquet"

    def paths(self, table: str, slots: list[int]) -> list[Path]:
        """The files of these slots that there are."""
        return [path for slot in slots if (path := self.path(table, slot)).exists()]

    def retire(self, upto: int, now: float) -> None:
        """Batches up to ``upto`` do not count here any more."""
        for slot in [slot for slot, held in self.live.items() if held.last <= upto]:
            del self.live[slot]
            self.retired[slot] = now

    def remove(self, before: float, may: Callable[[], bool]) -> None:
        """Remove what was retired before a time, as long as that ``may`` be done. Raises OSError."""
        for slot in [slot for slot, since in self.retired.items() if since <= before]:
            for table in LEVELS[self._level]:
                if not may():
                    return
                self.path(table, slot).unlink(missing_ok=True)
            del self.retired[slot]
