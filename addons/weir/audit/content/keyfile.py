"""The file of data keys: places of 128 bytes, changed under a lock, rewritten whole when the wrapping key changes.

``generation`` counts whatever takes keys away: who holds keys in memory asks it, for a microsecond, before using them.
Places 0 and 1 are the file's own: its salt, and the generation.
"""

from __future__ import annotations

import hmac
import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weir.audit.content.slots import NOBODY, SIZE, Destroyed, Erasure, Slot, Wrapped, read_slot
from weir.audit.spool.segment import sync_directory
from weir.datadir import DataDirError, locked

__all__ = ["KeyFile", "KeyFileError", "Places", "digest_of"]

_MAGIC = b"weir content keys 1\n"
_NO_KEY = bytes(8)
_FIRST = 2  # the first place that is not the file's own
_SALT = 32
_SUM = struct.Struct(">I")
_GENERATION = struct.Struct(">cQ8s")  # and the id of the wrapping key that a rotation made the current one
_SEARCHED_MAX = 16  # keys that are searched for one by one; for more it is quicker to read all places once
_ERASED, _REMADE = "keys.old", "keys.new"


class KeyFileError(Exception):
    """The file of data keys can't be used. One line: which, and why."""


def digest_of(salt: bytes, of: str, name: str) -> bytes:
    """How a user or a conversation (``of``) stands in the file: 16 bytes; NOBODY for an empty name."""
    if not name:
        return NOBODY
    return hmac.digest(salt, of.encode() + b"\0" + name.encode("utf-8", "surrogatepass"), "sha256")[:16]


class Places:
    """The open file, while its lock is held. Numbers are those of places."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self._fd = path, fd
        self.salt = _salt_of(os.pread(fd, SIZE, 0), path)

    @property
    def count(self) -> int:
        """Places in the file; a last one that was not written to its end is none."""
        return os.fstat(self._fd).st_size // SIZE

    @property
    def generation(self) -> int:
        return self._state()[0]

    @property
    def wrapping(self) -> bytes:
        """The id (8 bytes) of the wrapping key since the last rotation; zeros when there was none."""
        return self._state()[1]

    def each(self) -> Iterator[tuple[int, Wrapped | Destroyed | Erasure | None]]:
        """Every place that is not empty; None is one that can't be read."""
        with mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ) as data:
            for number in range(_FIRST, len(data) // SIZE):
                raw = data[number * SIZE : (number + 1) * SIZE]
                if raw[0]:
                    yield number, read_slot(raw)

    def find(self, key_ids: Iterable[bytes]) -> dict[bytes, tuple[int, Wrapped | Destroyed]]:
        """The places of these keys, as far as there are any."""
        wanted = set(key_ids)
        if len(wanted) > _SEARCHED_MAX:
            everyone = ((number, slot) for number, slot in self.each() if isinstance(slot, Wrapped | Destroyed))
            return {slot.key_id: (number, slot) for number, slot in everyone if slot.key_id in wanted}
        found = {}
        with mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ) as data:
            for key_id in wanted:
                at = data.find(key_id, _FIRST * SIZE)
                while at >= 0:
                    number = at // SIZE
                    slot = read_slot(data[number * SIZE : (number + 1) * SIZE])
                    if isinstance(slot, Wrapped | Destroyed) and slot.key_id == key_id:
                        found[key_id] = (number, slot)
                        break
                    at = data.find(key_id, at + 1)
        return found

    def write(self, slots: Iterable[tuple[int, Slot | None]]) -> None:
        """Overwrite places, with zeros for None, and wait for the disk. Raises OSError."""
        for number, slot in slots:
            self._put(number * SIZE, slot.pack() if slot else bytes(SIZE))
        os.fdatasync(self._fd)

    def append(self, slots: Iterable[Slot]) -> None:
        """Put slots behind the last place and wait for the disk. Raises OSError, and then nothing was added."""
        end = self.count * SIZE
        try:
            self._put(end, b"".join(slot.pack() for slot in slots))
            os.fdatasync(self._fd)
        except OSError:
            with suppress(OSError):  # what stays is read as keys that nothing was encrypted with
                os.ftruncate(self._fd, end)
            raise

    def advance(self) -> None:
        """Tell everyone who holds keys that some are gone. Durable with the next write or append."""
        generation, wrapping = self._state()
        self._put(SIZE, _generation_slot(generation + 1, wrapping))

    def rewrite(self, slots: Iterable[Slot], wrapping: bytes | None = None) -> None:
        """Put a file with these slots in this one's place and overwrite the old one's bytes. Raises OSError.

        ``wrapping`` is the id of the wrapping key that is the current one from now on.

        Whatever a crash leaves over is overwritten by ``KeyFile.changing``: a forgotten copy would outlive an erasure.
        """
        new, old = self.path.with_name(_REMADE), self.path.with_name(_ERASED)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            generation, before = self._state()
            file.write(_header(self.salt) + _generation_slot(generation + 1, wrapping or before))
            for slot in slots:
                file.write(slot.pack())
            file.flush()
            os.fsync(file.fileno())
        os.link(self.path, old)
        new.replace(self.path)
        sync_directory(self.path.parent)
        _shred(old)

    def _state(self) -> tuple[int, bytes]:
        return _state_of(os.pread(self._fd, SIZE, SIZE)) or (0, _NO_KEY)

    def _put(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, offset)
            view, offset = view[written:], offset + written


class KeyFile:
    """``keys`` in a directory (0700): made when first needed. Any number of processes may use it at once."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "keys"
        self._fd = -1  # of whoever asks for the generation
        self._made = False

    def exists(self) -> bool:
        """False as long as no content was ever kept here."""
        return self.path.exists()

    @contextmanager
    def changing(self) -> Iterator[Places]:
        """The file with its lock held, made when there is none; what a crash left half done is tidied up first.

        Raises KeyFileError when it is no file of keys or its lock is not to be had, OSError when the disk refuses.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with locked(self.path):
                for name in (_REMADE, _ERASED):
                    leftover = self.path.with_name(name)
                    if leftover.exists():
                        _clear(leftover, self.path)
                fd = self._open()
                try:
                    yield Places(self.path, fd)
                finally:
                    os.close(fd)
        except DataDirError as error:
            raise KeyFileError(str(error)) from None

    def generation(self) -> int:
        """A number that changes when keys were taken away. One read of a cached page; 0 without a file."""
        found = _state_of(os.pread(self._fd, SIZE, SIZE)) if self._fd >= 0 else None
        if found is None:  # not opened yet, or another file stands in its place and this one was overwritten
            self.close()
            try:
                self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return 0
            found = _state_of(os.pread(self._fd, SIZE, SIZE))
        return found[0] if found else 0

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> int:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            # A file that a crash left without its own two places has never held a key.
            if os.fstat(fd).st_size < _FIRST * SIZE:
                os.pwrite(fd, _header(secrets.token_bytes(_SALT)) + _generation_slot(1, _NO_KEY), 0)
                os.fsync(fd)
                sync_directory(self.path.parent)
        except BaseException:
            os.close(fd)
            raise
        return fd


def _seal(body: bytes) -> bytes:
    body = body.ljust(SIZE - _SUM.size, b"\0")
    return body + _SUM.pack(zlib.crc32(body))


def _header(salt: bytes) -> bytes:
    return _seal(_MAGIC + salt)


def _salt_of(raw: bytes, path: Path) -> bytes:
    if not raw.startswith(_MAGIC) or raw[-_SUM.size :] != _SUM.pack(zlib.crc32(raw[: -_SUM.size])):
        raise KeyFileError(f"{path}: is damaged at its beginning; restore it from a backup")
    return raw[len(_MAGIC) : len(_MAGIC) + _SALT]


def _generation_slot(generation: int, wrapping: bytes) -> bytes:
    return _seal(_GENERATION.pack(b"G", generation, wrapping))


def _state_of(raw: bytes) -> tuple[int, bytes] | None:
    if len(raw) != SIZE or raw[-_SUM.size :] != _SUM.pack(zlib.crc32(raw[: -_SUM.size])) or raw[:1] != b"G":
        return None
    _, generation, wrapping = _GENERATION.unpack_from(raw)
    return generation, wrapping


def _clear(leftover: Path, path: Path) -> None:
    """Remove what a rewrite left behind; a name that still means the file itself is only taken away."""
    if path.exists() and leftover.samefile(path):
        leftover.unlink()
    elif path.exists():
        _shred(leftover)
    else:  # cannot be: a rewrite never leaves the name without a file. Better kept than lost.
        raise KeyFileError(f"{path}: is missing, and {leftover.name} stands beside it; restore it from a backup")


def _shred(path: Path) -> None:
    """Overwrite a file's bytes with zeros, then remove it: an unlinked file's blocks keep what they held."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        left, at = os.fstat(fd).st_size, 0
        while left > 0:
            size = os.pwrite(fd, bytes(min(left, 1 << 20)), at)
            left, at = left - size, at + size
        os.fsync(fd)
    finally:
        os.close(fd)
    path.unlink()
    sync_directory(path.parent)
