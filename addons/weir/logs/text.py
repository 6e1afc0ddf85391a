"""A log's bytes as lines that a database can take: UTF-8, whole, none too long, no control characters."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from weir.logs.format import Sample
from weir.logs.opening import Log

__all__ = ["LINE_MAX", "TOO_LONG", "Batch", "Text"]

LINE_MAX = 256 << 10  # bytes of a line; longer ones count as bad
TOO_LONG = "\x02"  # what stands for a line that was too long: no line can hold it, control characters are taken out
BATCH = 32 << 20  # bytes read at once
_BLOCK = 1 << 20
_HEAD = 64 << 10
_SAMPLE_LINES = 200
# NUL goes; the other control characters become spaces, but for the tab and the end of a line.
_CONTROLS = bytes(32 if byte < 32 and byte not in (9, 10) else byte for byte in range(256))
_UPPER = dict.fromkeys(range(0x7F, 0xA0), " ")
_CARRIAGE = _CONTROLS[:13] + b"\n" + _CONTROLS[14:]  # for files whose lines end in a carriage return alone


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines, each ended by a line feed, and the number that the first one has in its file."""

    data: bytes
    first: int


class Text:
    """The text of a log: its beginning to look at, then either its lines in batches or its bytes as they are."""

    def __init__(self, log: Log) -> None:
        self._log = log
        head = bytearray()
        while len(head) < _HEAD and (more := log.read(_HEAD - len(head))):
            head += more
        self._head = bytes(head)
        self._decoder = _decoder(self._head)
        self._table = _CARRIAGE if b"\r" in self._head and b"\n" not in self._head else _CONTROLS
        # All of a short file, else the head's whole lines.
        whole = len(head) < _HEAD
        text = _utf8(self._plain(self._head, _decoder(self._head))).decode()
        lines = text.split("\n")
        if not whole or not lines[-1]:
            lines.pop()
        self.sample = Sample(self._head, tuple(lines[:_SAMPLE_LINES]))

    def read(self, size: int = -1) -> bytes:
        """The file's unpacked bytes, as they are, from its beginning."""
        if self._head:
            cut = len(self._head) if size < 0 else size
            taken, self._head = self._head[:cut], self._head[cut:]
            return taken if size >= 0 else taken + (self._log.read() or b"")
        return self._log.read(size) or b""

    def stream(self) -> BinaryIO:
        """The file's unpacked bytes as a stream whose reads are never short."""
        return cast("BinaryIO", io.BufferedReader(_Bytes(self)))

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """The lines, in batches of some 32 MB; those that begin at the unpacked byte ``start`` or after it."""
        number, torn = self._passed(start)
        batch, tail = bytearray(), b""
        while block := self.read(_BLOCK):
            plain = self._plain(block, self._decoder)
            if torn:  # the rest of a line that began before
                _, end, plain = plain.partition(b"\n")
                torn = not end
                number += len(end)
            cut = plain.rfind(b"\n") + 1
            if not cut:
                tail = (tail + plain)[: LINE_MAX + 1]  # what is longer won't be kept anyway
                continue
            batch += tail + plain[:cut]
            tail = plain[cut:]
            if len(batch) >= BATCH:
                data = bytes(batch)
                batch.clear()
                yield Batch(_utf8(_bounded(data)), number)
                number += data.count(b"\n")
        if tail:
            batch += tail + b"\n"
        if batch:
            yield Batch(_utf8(_bounded(bytes(batch))), number)

    def _passed(self, start: int) -> tuple[int, bool]:
        """Pass the first ``start`` bytes by: the number of the line that comes next, whether it has begun already."""
        lines, last, left = 0, b"\n", start
        while left and (block := self.read(min(left, _BLOCK))):
            left -= len(block)
            plain = self._plain(block, self._decoder)
            lines += plain.count(b"\n")
            last = plain[-1:] or last
        return lines + 1, last != b"\n"

    def _plain(self, block: bytes, decoder: codecs.IncrementalDecoder | None) -> bytes:
        if decoder is not None:
            block = decoder.decode(block).encode("utf-8", "replace")
        return block.translate(self._table, b"\0")


class _Bytes(io.RawIOBase):
    def __init__(self, text: Text) -> None:
        self._text = text

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self._text.read(len(view))
        view[: len(data)] = data
        return len(data)


def _decoder(head: bytes) -> codecs.IncrementalDecoder | None:
    """What turns the bytes into characters; None where they are UTF-8 or nearly."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")("replace")
    if head.startswith(codecs.BOM_UTF8):
        return codecs.getincrementaldecoder("utf-8-sig")("replace")
    for name, zeros in (("utf-16-le", head[1:2048:2]), ("utf-16-be", head[:2048:2])):
        if len(zeros) > 8 and zeros.count(0) * 10 > len(zeros) * 9:  # ASCII text in it has a zero in each pair
            return codecs.getincrementaldecoder(name)("replace")
    return None


def _bounded(data: bytes) -> bytes:
    """``data`` with a mark in place of each line that is too long."""
    lines = data.split(b"\n")
    if max(map(len, lines)) <= LINE_MAX:
        return data
    return b"\n".join(line if len(line) <= LINE_MAX else TOO_LONG.encode() for line in lines)


def _utf8(data: bytes) -> bytes:
    """``data`` itself when it is UTF-8; else with every line that isn't read as Latin-1, in which all bytes mean
    something."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return b"\n".join(map(_line_utf8, data.split(b"\n")))
    return data


def _line_utf8(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        # Its upper control characters are no text either: some of them steer a terminal.
        return line.decode("latin-1").translate(_UPPER).encode()
    return line
