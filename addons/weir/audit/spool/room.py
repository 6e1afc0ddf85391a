"""How much room the data directory's file system has, and what the policy wants left: nothing of weir fills it up."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from weir.sections_audit import Disk

__all__ = ["FULL", "Room", "free_bytes", "shown"]

FULL = "the disk has less free than audit.disk.floor"
AGE_S = 1.0
_UNKNOWN = 1 << 62


def free_bytes(path: Path) -> int:
    """Bytes that an ordinary user may still write to the file system of ``path``. Raises OSError."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def shown(size: int) -> str:
    """A number of bytes as people read it: ``812 MiB``, ``4.2 GiB``."""
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"


class Room:
    """The room of one file system, asked at most once a second: a few microseconds then, nothing otherwise.

    Whoever writes for weir asks ``full`` before, and waits while it is: the policy's ``on_failure`` decides about what
    would have been recorded. ``disk`` may be replaced at any time.
    """

    def __init__(self, path: Path, disk: Disk, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self.disk, self._clock = path, disk, clock
        self._free, self._asked = _UNKNOWN, float("-inf")

    def free(self) -> int:
        """Bytes free, at most a second old. A file system that gives no answer is not full: writing shows what is
        wrong with it."""
        now = self._clock()
        if now - self._asked >= AGE_S:
            self._asked = now
            try:
                self._free = free_bytes(self._path)
            except OSError:
                self._free = _UNKNOWN
        return self._free

    def full(self) -> bool:
        """Whether there is less than the floor: nothing is to be written now but what makes room."""
        return self.free() < self.disk.floor

    @property
    def was_full(self) -> bool:
        """The same by the last answer, for an event loop: a file system that has gone away does not answer, and who
        asks it waits. Somebody else has to ask (``DiskSpace``, and every commit of the spool)."""
        return self._free < self.disk.floor

    def check(self) -> None:
        """Raises OSError (ENOSPC) while ``full``."""
        if self.full():
            raise OSError(errno.ENOSPC, FULL)

    def above_floor(self) -> int:
        """How many bytes may be set aside before the floor is reached, 0 or more; asked anew."""
        self._asked = float("-inf")
        return max(0, self.free() - self.disk.floor)
