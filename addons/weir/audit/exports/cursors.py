"""How far an export has come: a small file that moves only after the receiver has taken what lies before it.

Cursors with a name are in ``exports/`` of the data directory. The spool's retention asks ``needed`` before it takes
anything away; a cursor that nobody has used for ``STALE_DAYS`` holds nothing back any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from weir.audit.record import now_us
from weir.audit.spool.opened import segments
from weir.datadir import write_private

__all__ = ["STALE_DAYS", "CursorError", "ExportCursor", "all_cursors", "directory", "needed", "place", "sent"]

STALE_DAYS = 14
_DAY_US = 86_400_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_BEAT_US = 3_600_000_000  # an export with nothing to send says so much of an hour that it is there


class CursorError(Exception):
    """A cursor cannot be used. One line: which, why, what to do."""


@dataclass(slots=True)
class ExportCursor:
    """``taken``: the last seq by chain name that the receiver has. ``since``: µs since the epoch, what is older was
    never asked for. ``used``: when an export last worked with it. Whom it is for: ``to`` and ``format``."""

    path: Path | None
    to: str = ""
    format: str = ""
    since: int = 0
    used: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    _lock: int = -1

    @classmethod
    def load(cls, path: Path) -> ExportCursor | None:
        """The saved cursor, None when there is none. Raises CursorError for one that cannot be read: to begin anew
        without a word would send everything a second time."""
        try:
            doc = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError):
            raise CursorError(f"{path} cannot be read; restore it, or delete it to send everything again") from None
        if not _fits(doc):
            raise CursorError(f"{path} is no cursor of an export; name another, or delete it")
        return cls(path, doc["to"], doc["format"], doc["since"], doc["used"], doc["taken"])

    @classmethod
    def take(cls, path: Path | None, to: str, format: str, since: int) -> ExportCursor:
        """The cursor for this export, begun at ``since`` when there is none; nobody else has it until ``close``.

        None as ``path``: one that is kept nowhere. Raises CursorError (in use, another export's, unreadable).
        """
        if path is None:
            return cls(None, to, format, since)
        lock = _locked(path)
        try:
            found = cls.load(path)
            if found is not None and (found.to, found.format) != (to, format):
                raise CursorError(f"{path} is the cursor of {found.format} to {found.to}; name another with --cursor")
            cursor = found or cls(path, to, format, since)
            cursor._lock = lock
            cursor.save()
        except BaseException:
            os.close(lock)
            raise
        return cursor

    def save(self) -> None:
        """Replace the saved cursor, durably. Raises DataDirError and leaves the old one."""
        self.used = now_us()
        if self.path is None:
            return
        names = ("to", "format", "since", "used", "taken")
        write_private(self.path, orjson.dumps({name: getattr(self, name) for name in names}) + b"\n")

    def beat(self) -> None:
        """Say that the export is there, now and then, when it has nothing to send."""
        if now_us() - self.used > _BEAT_US:
            self.save()

    def close(self) -> None:
        """Let others use it."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def directory(data: Path) -> Path:
    """Where the cursors with a name are, and the rows that receivers refused."""
    return data / "exports"


def place(data: Path, cursor: str) -> Path:
    """The file of a cursor: a name, or a path (with a slash). Makes the directory. Raises CursorError, OSError."""
    if "/" in cursor:
        return Path(cursor)
    if not _NAME.fullmatch(cursor):
        raise CursorError("a cursor is a name of letters, digits, dots and dashes, or the path of a file")
    directory(data).mkdir(mode=0o700, exist_ok=True)
    return directory(data) / f"{cursor}.json"


def all_cursors(data: Path) -> Iterator[tuple[Path, ExportCursor | None]]:
    """The named cursors; None for one that cannot be read."""
    for path in sorted(directory(data).glob("*.json")):
        try:
            yield path, ExportCursor.load(path)
        except CursorError:
            yield path, None


def needed(data: Path, now: int | None = None) -> dict[str, int]:
    """By chain of the spool, the first seq that some export still has to send; rows from there on must be kept.

    Empty when there is no export. A cursor that cannot be read needs everything; one that was not used for
    ``STALE_DAYS`` needs nothing. ``now``: µs since the epoch.
    """
    at = now_us() if now is None else now
    live = [
        cursor.taken if cursor else {}
        for _, cursor in all_cursors(data)
        if cursor is None or at - cursor.used <= STALE_DAYS * _DAY_US
    ]
    if not live:
        return {}
    return {chain: min(taken.get(chain, 0) for taken in live) + 1 for chain in segments(data / "spool")}


def sent(covered: Callable[[Path], Mapping[str, int]]) -> Callable[[Path], Mapping[str, int]]:
    """``covered`` (up to which seq rows may go, by chain) without what an export still needs: for retention."""

    def both(data: Path) -> Mapping[str, int]:
        wanted = needed(data)
        return {chain: min(seq, wanted.get(chain, seq + 1) - 1) for chain, seq in covered(data).items()}

    return both


def _fits(doc: Any) -> bool:
    return (
        isinstance(doc, dict)
        and all(isinstance(doc.get(name), str) for name in ("to", "format"))
        and all(type(doc.get(name)) is int for name in ("since", "used"))
        and isinstance(doc.get("taken"), dict)
        and all(type(seq) is int for seq in doc["taken"].values())
    )


def _locked(path: Path) -> int:
    try:
        fd = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise CursorError(f"{path} cannot be used ({error.strerror})") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        why = "another export is at work with it" if error.errno == errno.EWOULDBLOCK else error.strerror
        raise CursorError(f"{path}: {why}") from None
    return fd
