"""One file of the spool: its space is reserved when it is made, and what is appended is on disk on return."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["Segment", "release_reserves", "reserve", "sync_directory", "write_all"]

_KEEP_SIZE = 1
_CLAIM_S = 0.5
_NO_RESERVE = {errno.EOPNOTSUPP, errno.ENOSYS}
_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate64", None) or getattr(_libc, "fallocate", None)
if _fallocate is not None:
    _fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def reserve(fd: int, size: int) -> None:
    """Set ``size`` bytes aside without changing the file's length, so a full disk shows here and not in mid-line.

    Does nothing where the platform or the file system cannot. Raises OSError (ENOSPC, EFBIG …) when there is no room.
    """
    if _fallocate is None:
        return
    while _fallocate(fd, _KEEP_SIZE, 0, size) != 0:
        number = ctypes.get_errno()
        if number in _NO_RESERVE:
            return
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it where the file stands: a disk that is nearly full takes a part without an error. Raises
    OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _claim(fd: int) -> None:
    """Say that a segment is in use, see ``release_reserves``. Whoever asks just now whether it is holds the lock for a
    moment. Raises BlockingIOError when it is not let go of."""
    until = time.monotonic() + _CLAIM_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.001)
        else:
            return


class Segment:
    """An append-only file. Its length never covers reserved space, so that it can be tailed."""

    def __init__(self, path: Path, size: int) -> None:
        """Make the file (0600) and reserve ``size`` bytes. Raises OSError, and then leaves no file behind."""
        self.path, self.size = path, size
        self.end = 0  # bytes known to be durable
        self.lost = False  # somebody took the file away: nothing may be written to it any more
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _claim(self._fd)
            reserve(self._fd, size)
            sync_directory(path.parent)
            self._identity = os.fstat(self._fd)
        except OSError:
            os.close(self._fd)
            with suppress(FileNotFoundError):  # the whole directory went away meanwhile
                path.unlink()
            raise

    def append(self, data: bytes) -> None:
        """Write ``data`` after what is durable and wait for the disk.

        Raises OSError. Then call it again with the same bytes: they are written anew from the same place, over a line
        that broke off and over pages whose write-back failed, for which a second fdatasync alone would wrongly say yes.
        When ``lost`` is true then, the file does not stand under its name any more; what was written is nowhere.
        """
        view, at = memoryview(data), self.end
        while view:
            written = os.pwrite(self._fd, view, at)
            view, at = view[written:], at + written
        os.fdatasync(self._fd)
        self._in_place()
        self.end = at

    def _in_place(self) -> None:
        """Make sure that the file still has its name: a directory that was moved or removed takes writes as before."""
        try:
            self.lost = not os.path.samestat(self.path.stat(), self._identity)
        except FileNotFoundError:
            self.lost = True
        if self.lost:
            raise OSError(errno.ESTALE, "its file was moved or removed")

    def trim(self) -> None:
        """Cut off what is not durable and give the rest of the reserve back."""
        if self._fd >= 0:
            os.ftruncate(self._fd, self.end)

    def close(self) -> None:
        """Cut off what is not durable, give the rest of the reserve back and close."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            os.ftruncate(fd, self.end)
        finally:
            os.close(fd)


def release_reserves(directory: Path) -> None:
    """Give back what segments of processes that were killed still hold in reserve; live ones are left alone."""
    for path in sorted(directory.glob("*.jsonl")):
        with suppress(OSError):  # held by its writer, not ours, or gone: nothing to give back, and nothing is lost
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(fd, os.fstat(fd).st_size)
            finally:
                os.close(fd)
