"""A sealed segment as it is kept: zstd frames that end with a line each, what the file holds, and a table to seek by.

``zstd -d`` and every other reader of the format gives the lines back, unchanged. Behind the frames stand two that a
decoder skips: one says what the lines are (rows, first and last seq, bytes, SHA-256 of the lines and of the frames),
the other is the seek table of the Zstandard Seekable Format. Each frame has a checksum of its content. A file has one
right form only for its lines and frames, so that whichever byte of it is changed shows.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import orjson
import zstandard

from weir.audit.spool.lines import BadLine, read_line

__all__ = ["About", "Frame", "about_of", "compress", "content", "faults", "table_of"]

FRAME_BYTES = 1 << 20  # of lines; a longer line has a frame of its own
LEVEL = 3  # higher ones take several times as long and save a few percent
_CONTENT_MAX = 256 << 20  # of one frame: whatever says more is damaged
_ABOUT = 0x184D2A50
_TABLE = 0x184D2A5E
_SEEKABLE = 0x8F92EAB1
_FRAME = b"\x28\xb5\x2f\xfd"
_TAIL = struct.Struct("<IBI")  # frames, descriptor, magic
_ENTRY = struct.Struct("<II")  # bytes of the frame, bytes of its lines
_HEAD = struct.Struct("<II")  # magic, bytes that follow
_ABOUT_MAX = 4096


@dataclass(frozen=True, slots=True)
class About:
    """What a segment holds. ``first`` and ``last`` seq: None where that line is broken or there is none."""

    rows: int  # lines that end in a newline
    first: int | None
    last: int | None
    bytes: int  # of the lines
    sha256: str  # of the lines
    frames_sha256: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame stands in the file and its lines in the stream of lines."""

    at: int
    size: int
    begins: int
    length: int


def compress(lines: BinaryIO, out: BinaryIO) -> About:
    """Write the compressed form of what ``lines`` holds from where it stands. Raises OSError."""
    packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
    tally, stored, sizes = _Tally(), hashlib.sha256(), []
    for block in _blocks(lines):
        frame = packer.compress(block)
        out.write(frame)
        stored.update(frame)
        tally.add(block)
        sizes.append((len(frame), len(block)))
    about = tally.about(stored.hexdigest())
    out.write(_trailer(about, sizes))
    return about


def _blocks(lines: BinaryIO) -> Iterator[bytes]:
    """What a file holds, in pieces of about FRAME_BYTES that end with a line."""
    while block := lines.read(FRAME_BYTES):
        yield block if block.endswith(b"\n") else block + lines.readline()


def _trailer(about: About, sizes: Iterable[tuple[int, int]]) -> bytes:
    said = orjson.dumps(asdict(about))
    entries = [_ENTRY.pack(*pair) for pair in sizes]
    table = b"".join(entries) + _TAIL.pack(len(entries), 0, _SEEKABLE)
    return _HEAD.pack(_ABOUT, len(said)) + said + _HEAD.pack(_TABLE, len(table)) + table


class _Tally:
    """Counts lines that come in blocks, each of which ends with a line but the last."""

    def __init__(self) -> None:
        self._rows = self._bytes = 0
        self._hash = hashlib.sha256()
        self._first, self._last = b"", b""

    def add(self, block: bytes) -> None:
        self._hash.update(block)
        self._bytes += len(block)
        self._rows += block.count(b"\n")
        end = block.rfind(b"\n")
        if end < 0:
            return
        if not self._first:
            self._first = block[: block.find(b"\n") + 1]
        self._last = block[block.rfind(b"\n", 0, end) + 1 : end + 1]

    def about(self, frames_sha256: str) -> About:
        first, last = _seq(self._first), _seq(self._last)
        return About(self._rows, first, last, self._bytes, self._hash.hexdigest(), frames_sha256)


def _seq(line: bytes) -> int | None:
    try:
        seq = read_line(line).get("seq")
    except BadLine:
        return None
    return seq if type(seq) is int else None


def _parts(file: BinaryIO) -> tuple[bytes, bytes] | None:
    """The bytes of what the file says about itself and of its table; None when they are not where they belong."""
    end = file.seek(0, os.SEEK_END)
    if end < _TAIL.size:
        return None
    file.seek(end - _TAIL.size)
    count, descriptor, magic = _TAIL.unpack(file.read(_TAIL.size))
    size = count * _ENTRY.size + _TAIL.size
    at = end - size - _HEAD.size
    if magic != _SEEKABLE or descriptor or at < 0:
        return None
    file.seek(at)
    if _HEAD.unpack(file.read(_HEAD.size)) != (_TABLE, size):
        return None
    table = file.read(size)
    frames = sum(length for length, _ in _ENTRY.iter_unpack(table[: -_TAIL.size]))
    length = at - frames - _HEAD.size
    if not 0 <= length <= _ABOUT_MAX:
        return None
    file.seek(frames)
    if _HEAD.unpack(file.read(_HEAD.size)) != (_ABOUT, length):
        return None
    return file.read(length), table


def about_of(file: BinaryIO) -> About | None:
    """What a compressed segment says of itself, from its last bytes; None when that is damaged. Raises OSError."""
    parts = _parts(file)
    try:
        doc: Any = orjson.loads(parts[0]) if parts else None
        return About(**doc) if isinstance(doc, dict) else None
    except (orjson.JSONDecodeError, TypeError):
        return None


def table_of(file: BinaryIO) -> list[Frame]:
    """Where the frames are: by the table, or by walking through the file when that is damaged. Raises OSError."""
    parts = _parts(file)
    if parts is None:
        return list(_walk(file))
    found, at, begins = [], 0, 0
    for size, length in _ENTRY.iter_unpack(parts[1][: -_TAIL.size]):
        if length > _CONTENT_MAX:
            return list(_walk(file))
        found.append(Frame(at, size, begins, length))
        at, begins = at + size, begins + length
    return found


def _walk(file: BinaryIO) -> Iterator[Frame]:
    """Frames one after the other without a table. What is no frame, up to the next, counts as a line of one byte."""
    file.seek(0)
    data = file.read()
    at = begins = 0
    while at < len(data):
        magic, follows = _HEAD.unpack_from(data, at) if at + _HEAD.size <= len(data) else (0, 0)
        if magic in (_ABOUT, _TABLE) and at + _HEAD.size + follows <= len(data):
            at += _HEAD.size + follows
            continue
        after = data.find(_FRAME, at + 1)
        size, length = (after if after > 0 else len(data)) - at, 1
        if data.startswith(_FRAME, at):
            decoder = zstandard.ZstdDecompressor().decompressobj()
            with suppress(zstandard.ZstdError):  # then it is the damage that we walk around
                found = len(decoder.decompress(data[at:]))
                if decoder.eof:
                    size, length = len(data) - at - len(decoder.unused_data), found
        yield Frame(at, size, begins, length)
        at, begins = at + size, begins + length


def content(file: BinaryIO, frame: Frame) -> bytes:
    """The lines of a frame. A damaged one gives a single line of as many bytes that is no JSON, so that whoever reads
    lines names the place and goes on behind it. Raises OSError."""
    file.seek(frame.at)
    data = file.read(frame.size)
    try:
        if 0 <= zstandard.frame_content_size(data) == frame.length <= _CONTENT_MAX:
            return zstandard.ZstdDecompressor().decompress(data, read_across_frames=False)
    except zstandard.ZstdError:
        pass
    return b"damaged".ljust(frame.length - 1)[: frame.length - 1] + b"\n"


def faults(file: BinaryIO) -> list[str]:
    """What is wrong with the file as a file; nothing when each of its bytes is what ``compress`` wrote. The chain of
    its rows is looked at elsewhere. Raises OSError."""
    parts = _parts(file)
    if parts is None:
        return ["its table or what it says of itself is damaged"]
    tally, stored, sizes, found = _Tally(), hashlib.sha256(), [], []
    for frame in table_of(file):
        file.seek(frame.at)
        stored.update(file.read(frame.size))
        block = content(file, frame)
        tally.add(block)
        sizes.append((frame.size, frame.length))
    about = tally.about(stored.hexdigest())
    said = about_of(file)
    if said is None:
        return ["what it says of itself is damaged"]
    if said.frames_sha256 != about.frames_sha256:
        found.append("its compressed bytes were changed")
    if said.sha256 != about.sha256:
        found.append("its lines are not those that were compressed")
    at = sum(size for size, _ in sizes)
    file.seek(at)
    if not found and file.read() != _trailer(about, sizes):
        found.append("its table or what it says of itself is damaged")
    return found
