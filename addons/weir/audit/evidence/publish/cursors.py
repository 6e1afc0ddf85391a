"""How far each place has the log: a small file, replaced whole. If it is lost everything is sent once more."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from weir.datadir import write_private

__all__ = ["Cursor", "Cursors"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """``bytes`` and ``line`` of the log that a place has, ``number`` of the last entry in it; ``trouble`` since when
    (µs since the epoch), and what, while it can't be reached."""

    bytes: int = 0
    line: int = 0
    number: int = 0
    sent: int = 0  # when, µs since the epoch
    since: int = 0
    trouble: str = ""


class Cursors:
    """All of them, by the name of the place. For several threads."""

    def __init__(self, path: Path) -> None:
        """A file that is missing or damaged says that nothing was sent. Raises OSError."""
        self._path, self._lock = path, threading.Lock()
        self._all: dict[str, Cursor] = {}
        with suppress(FileNotFoundError, orjson.JSONDecodeError, TypeError, AttributeError):
            self._all = {str(name): Cursor(**one) for name, one in orjson.loads(path.read_bytes()).items()}

    def __getitem__(self, name: str) -> Cursor:
        with self._lock:
            return self._all.get(name, Cursor())

    @property
    def all(self) -> Mapping[str, Cursor]:
        """Every one that was ever saved."""
        with self._lock:
            return dict(self._all)

    def save(self, name: str, cursor: Cursor) -> None:
        """Replace one, durably. Raises OSError, DataDirError."""
        with self._lock:
            self._all[name] = cursor
            self._write()

    def trouble(self, name: str, text: str, now: int) -> None:
        """Note why a place can't be reached; "" when it can again. Raises OSError, DataDirError."""
        with self._lock:
            before = self._all.get(name, Cursor())
            if before.trouble == text:
                return
            since = (before.since or now) if text else 0
            self._all[name] = replace(before, trouble=text, since=since)
            self._write()

    def only(self, names: set[str]) -> None:
        """Forget places that the policy no longer names. Raises OSError, DataDirError."""
        with self._lock:
            if self._all.keys() - names:
                self._all = {name: one for name, one in self._all.items() if name in names}
                self._write()

    def _write(self) -> None:
        write_private(self._path, orjson.dumps({name: asdict(one) for name, one in self._all.items()}))
