"""Which files are closed for good, and their sums: what the log says of whole files besides what it says of rows.

Rows are covered by their hashes. The sums cover what rows can't: the bytes of Parquet files and of encrypted texts, and
of compressed segments. A file that is gone counts as taken away on purpose only where that was told before; none is
ever replaced by another of its name.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weir.audit.content.segments import claimed, listed
from weir.audit.evidence.entries import FILES_MAX, Sum, is_file_name
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.removals import announced, name_of, removing

__all__ = ["Changes", "DayFiles", "Sealing", "closed", "sum_of"]

BYTES_MAX = 256 << 20  # hashed in one go
QUIET_S = 10.0  # a file nobody wrote to for so long is not one that is just being made


class DayFiles:
    """Files of the store that will not change any more, as the store tells of them."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.paths: set[Path] = set()

    def sealed(self, path: Path) -> None:
        """A file is closed; told again at every start."""
        self.paths.add(path)

    def removed(self, path: Path) -> None:
        """A file no longer counts, and is about to be emptied or removed. Raises OSError, DataDirError."""
        self.paths.discard(path)
        removing(self._data, [path])


def sum_of(path: Path) -> Sum | None:
    """The sum of a file; None when it is gone or was replaced meanwhile. Raises OSError."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            return Sum(size, digest) if os.path.samestat(os.fstat(file.fileno()), path.stat()) else None
    except FileNotFoundError:
        return None


def closed(data: Path, days: Iterable[Path] = ()) -> Iterator[Path]:
    """Files below a data directory that will not change any more, only go; ``days`` are the store's. Raises OSError."""
    yield from sorted(days)
    for path in sorted((data / "spool").glob("*.jsonl.zst")):
        if not path.with_suffix("").exists():  # while the plain form is there too, that one counts
            yield path
    for segment in listed(data / "content"):
        if not _quiet(segment.path):
            continue  # nor may we hold the lock of a file that its writer has just made
        with claimed(segment.path) as free:
            if free is not None and os.fstat(free).st_size:
                yield segment.path


def _quiet(path: Path) -> bool:
    try:
        info = path.stat()
    except FileNotFoundError:
        return False
    return info.st_size > 0 and time.time() - info.st_mtime >= QUIET_S


@dataclass(slots=True)
class Changes:
    """What the log should say: files taken away or closed. ``told``: announcements that are done with."""

    removed: list[tuple[str, Sum]] = field(default_factory=list)
    sealed: list[tuple[str, Sum]] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether an entry has room for no more."""
        return len(self.removed) + len(self.sealed) + 2 > FILES_MAX


class Sealing:
    """Looks for what changed since the last look. ``found``: closed files that are gone though nobody told."""

    def __init__(self, data: Path, days: DayFiles | None = None) -> None:
        self._data = data
        self._days = days or DayFiles(data)
        self.found: list[Found] = []

    def changes(self, files: Mapping[str, Sum]) -> Changes:
        """What the log lacks of what is there; ``files`` are those it has. Bounded: the rest comes next time."""
        made, told = Changes(), announced(self._data)
        there = {name_of(self._data, path): path for path in closed(self._data, self._days.paths)}
        for name in told:
            if name not in files:
                if not (self._data / name).exists():
                    made.told.add(name)
                continue
            if made.full:
                return made
            now = sum_of(self._data / name)
            if now is None and not (self._data / name).exists():
                made.removed.append((name, files[name]))
                made.told.add(name)
            elif now not in (None, files[name]):  # no name is given twice: who tells that a file goes may not change it
                self._say(name, Wrong.EDITED, "a file that was closed for good was changed")
        for name in files.keys() - there.keys() - told:
            if not (self._data / name).exists():
                self._say(name, Wrong.REMOVED, "a file that was closed for good is gone")
        spent = 0
        for name, path in there.items():
            if name in files or not is_file_name(name):
                continue
            if made.full or spent > BYTES_MAX:
                break
            if not _quiet(path):
                continue
            new = sum_of(path)
            if new is not None:
                spent += new.size
                made.sealed.append((name, new))
        return made

    def _say(self, name: str, wrong: Wrong, text: str) -> None:
        item = Found(wrong, "", text, file=name)
        if item not in self.found:
            self.found.append(item)
