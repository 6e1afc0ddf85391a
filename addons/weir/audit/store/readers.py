"""Whether anybody reads the store, and whether a query may be under way.

DuckDB lists a pattern's files first, with their sizes, and opens them one by one as the query gets there: a file that
was removed or replaced in between is an error, or worse. So nothing is ever replaced, and what no longer counts is
removed only while nobody has the store open (DuckDB holds a lock on a database file for as long as it reads it), or
when no query has begun for a while: each opens files without rows that the ingester does not, and the kernel tells.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["Watch", "anybody_reads"]

_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid
# Of the open file, where there is such a thing: it sees readers in this process too.
_ASK = getattr(fcntl, "F_OFD_GETLK", fcntl.F_GETLK)
_IN_OPEN = 0x20
_libc = ctypes.CDLL(None, use_errno=True)


def anybody_reads(database: Path) -> bool:
    """True when somebody has the file open in DuckDB, or when that cannot be told.

    Whoever opens it after a False sees all that was renamed or removed before.
    """
    try:
        fd = os.open(database, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        found = fcntl.fcntl(fd, _ASK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)
    except (OSError, struct.error):
        return True
    finally:
        os.close(fd)


class Watch:
    """How long nobody has opened any of some files."""

    def __init__(self, files: Iterable[Path], clock: Callable[[], float] = time.monotonic) -> None:
        """Where the kernel does not tell, it looks as if nobody ever did."""
        self._clock = clock
        self._fd = -1
        self._last = clock()
        start = getattr(_libc, "inotify_init1", None)
        if start is not None:
            self._fd = start(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            for path in files:
                _libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_OPEN)

    def quiet_s(self) -> float:
        """Seconds since somebody did, as far as can be told."""
        now = self._clock()
        if self._drained():
            self._last = now
        return now - self._last

    def close(self) -> None:
        """Stop watching."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _drained(self) -> bool:
        found = False
        while self._fd >= 0:
            try:
                found = bool(os.read(self._fd, 1 << 16)) or found
            except BlockingIOError:
                break
        return found
