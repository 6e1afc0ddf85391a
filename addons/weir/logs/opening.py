"""A log's bytes: a file or stdin, packed or not, and what of it could be got when it is torn or hostile."""

from __future__ import annotations

import hashlib
import io
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import zstandard

from weir.logs.format import FormatError

__all__ = ["Log", "open_log"]

_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # bytes 2 to 4 of a zstd frame that holds no data (pzstd begins with one)
_UNREADABLE = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip", b"PAR1": "Parquet", b"SQLite": "SQLite"}
_WINDOW_MAX = 1 << 27  # bytes of memory that a zstd frame may ask for
_SIP = 1024  # bytes given to zstd at once: 32 MB is the most that it can make of them (gzip makes 1 MB)
_FREE = 256 << 20  # bytes that any file may unpack to …
_FOLD_MAX = 500  # … and beyond them no more than so many for one: logs come to 20, bombs to 1,000 and more


class Log(io.RawIOBase):
    """The unpacked bytes of a log, once through. What goes wrong on the way ends it and stands in ``trouble``."""

    def __init__(self, raw: BinaryIO, name: str, size: int | None) -> None:
        self.name = name
        self.size = size  # bytes of the file as it lies there, None for a pipe
        self.trouble = ""  # why it ended early, for people
        self._raw = _Counted(raw)
        self._stream: BinaryIO | None = None
        self._made = 0
        self._sha = hashlib.sha256()

    @property
    def consumed(self) -> int:
        """How many bytes of the file are read by now."""
        return self._raw.count

    @property
    def digest(self) -> str:
        """SHA-256 of the unpacked bytes so far, hexadecimal: the same for a log and its packed copy."""
        return self._sha.hexdigest()

    @property
    def unpacked(self) -> int:
        """How many bytes it came to by now."""
        return self._made

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Some of the unpacked bytes; 0 at the end, or where the file is torn."""
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = b"" if self.trouble else self._read(len(view))
        view[: len(data)] = data
        self._sha.update(data)
        self._made += len(data)
        if self._made > _FREE and self._made > _FOLD_MAX * max(self._raw.count, 1):
            self.trouble = f"unpacks to more than {_FOLD_MAX} times its size; read no further"
        return len(data)

    def close(self) -> None:
        """Close the file; stdin stays open."""
        if not self.closed:
            self._raw.close()
        super().close()

    def _read(self, size: int) -> bytes:
        try:
            if self._stream is None:
                self._stream = _unpacked(self._raw)
            return self._stream.read(size)
        except FormatError as error:
            self.trouble = str(error)
        except EOFError:
            self.trouble = "ends in the middle of its packed data"
        except (zlib.error, zstandard.ZstdError):
            self.trouble = "its packed data is damaged"
        except OSError as error:
            self.trouble = (error.strerror or type(error).__name__).lower()
        return b""


def open_log(path: Path | None) -> Log:
    """The log at ``path``; None is stdin. Raises OSError when it can't be opened or is a directory."""
    if path is None:
        return Log(sys.stdin.buffer, "-", None)
    size = path.stat().st_size if path.is_file() else None
    return Log(path.open("rb"), str(path), size)


class _Counted(io.RawIOBase):
    """A stream that knows how far it is read, with its first bytes looked at."""

    def __init__(self, stream: BinaryIO) -> None:
        self._inner = stream
        self._first = b""
        self.count = 0

    def peek(self) -> bytes:
        """The first bytes, at most 18, without taking them."""
        while len(self._first) < 18 and (more := self._inner.read(18 - len(self._first))):
            self._first += more
        return self._first

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data, self._first = (self._first[:size], self._first[size:]) if self._first else (self._inner.read(size), b"")
        self.count += len(data)
        return data

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed and self._inner is not sys.stdin.buffer:
            self._inner.close()
        super().close()


def _unpacked(raw: _Counted) -> BinaryIO:
    first = raw.peek()
    if first.startswith(b"\x1f\x8b"):
        return cast("BinaryIO", _Frames(raw, lambda: zlib.decompressobj(31), 8 * _SIP))
    if first.startswith(_ZSTD) or (first[1:4] == _SKIPPABLE and first[:1] and 0x50 <= first[0] <= 0x5F):
        engine = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX)
        return cast("BinaryIO", _Frames(raw, engine.decompressobj, _SIP))
    for magic, name in _UNREADABLE.items():
        if first.startswith(magic):
            raise FormatError(f"is {name}, which isn't read; unpack or export it first")
    return cast("BinaryIO", raw)


class _Frame(Protocol):
    """One gzip member or zstd frame being unpacked."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Frames(io.RawIOBase):
    """Packed data, frame by frame, in sips. The libraries' own readers take a torn zstd frame for a whole one, and
    give nothing at all of the last megabyte of a torn gzip member."""

    def __init__(self, raw: _Counted, make: Callable[[], _Frame], sip: int) -> None:
        self._raw = raw
        self._make = make
        self._sip = sip
        self._frame = make()
        self._begun = False  # whether the frame has had any bytes
        self._left = b""  # read beyond the frame's end
        self._made = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        while not self._made:
            if self._frame.eof:
                self._left = self._frame.unused_data.lstrip(b"\0")  # tapes pad with zeros
                self._frame, self._begun = self._make(), False
            packed = self._left or self._raw.read(self._sip)
            self._left = b""
            if not packed:
                if self._begun:
                    raise EOFError
                return 0
            self._begun = True
            self._made = memoryview(self._frame.decompress(packed))
        size = min(len(view), len(self._made))
        view[:size] = self._made[:size]
        self._made = self._made[size:]
        return size
