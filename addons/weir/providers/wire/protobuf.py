"""The strings of protobuf messages whose schema nobody here knows, and of the frames that Connect and gRPC put them in.

A message is read by its wire format alone: what is length-delimited is a text, another message, or bytes, and which of
these it is shows only when it is tried. Nothing here can be edited. Work, depth and output are bounded, and what a
bound leaves out is told.
"""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["FRAME_BYTES_MAX", "INFLATED_BYTES_MAX", "Frame", "Frames", "Inflater", "Strings", "from_text"]

FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
INFLATED_BYTES_MAX: Final = 8 * 1024 * 1024  # of one compressed frame or field
INFLATED_TOTAL_MAX: Final = 64 * 1024 * 1024
TEXT_CHARS_MAX: Final = 16 * 1024 * 1024
DEPTH_MAX: Final = 32
TEXTS_MAX: Final = 4000
_FIELDS_MAX: Final = 100_000
_WORK_BYTES_MAX: Final = 48 * 1024 * 1024  # looked at in all, every level of nesting counted
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_RUNS = re.compile(
    rb"(?:[\t\n\r\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){4,}"
)
_GZIP: Final = b"\x1f\x8b"
_VARINT_BYTES_MAX: Final = 10
_FIELD_MAX: Final = (1 << 29) - 1
_COMPRESSED: Final = 0x01
_SIZES: Final = {0: 0, 1: 8, 3: 0, 4: 0, 5: 4}  # of kinds that hold no text, a varint's aside: bytes of their values
_HEAD_BYTES: Final = 5


class Frame(NamedTuple):
    """One enveloped message. ``oversize``: it was longer than what is kept, and nothing of it is."""

    flags: int
    payload: bytes
    oversize: bool = False

    @property
    def compressed(self) -> bool:
        """Whether its payload has to be inflated first."""
        return bool(self.flags & _COMPRESSED)

    @property
    def last(self) -> bool:
        """Whether it is what ends a stream: JSON with Connect, trailers as text with gRPC-Web."""
        return bool(self.flags & 0x82)


class Frames:
    """Cuts a stream of enveloped messages (a byte of flags, a length of four bytes, the message) as it comes."""

    def __init__(self, limit: int = FRAME_BYTES_MAX) -> None:
        self._limit = limit
        self._held = bytearray()
        self._skip = 0

    @property
    def held(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        out: list[Frame] = []
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._held += data
        at = 0
        while len(self._held) - at >= _HEAD_BYTES:
            flags, size = self._held[at], int.from_bytes(self._held[at + 1 : at + _HEAD_BYTES], "big")
            end = at + _HEAD_BYTES + size
            if size > self._limit:
                out.append(Frame(flags, b"", oversize=True))
                self._skip = max(0, end - len(self._held))
                at = min(end, len(self._held))
            elif end <= len(self._held):
                out.append(Frame(flags, bytes(self._held[at + _HEAD_BYTES : end])))
                at = end
            else:
                break
        del self._held[:at]
        return out

    def close(self) -> bytes:
        """What stands at the end and is no whole frame."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


class Inflater:
    """Undoes gzip and zlib within bounds: of one piece, and of all pieces of a body or a reply together."""

    def __init__(self, total: int = INFLATED_TOTAL_MAX) -> None:
        self._left = total

    def __call__(self, data: bytes) -> bytes | None:
        """``data`` without its compression; None when it has another one, or becomes too large."""
        machine = zlib.decompressobj(47)
        try:
            out = machine.decompress(data, max(1, min(self._left, INFLATED_BYTES_MAX)))
        except zlib.error:
            return None
        self._left -= len(out)
        return None if machine.unconsumed_tail or not machine.eof or self._left < 0 else out


def from_text(data: bytes) -> bytes | None:
    """The bytes of a gRPC-Web body in base64, which may be several encodings in a row; None when it is none."""
    compact = b"".join(data.split())
    out: list[bytes] = []
    for part in re.findall(rb"[^=]+=*", compact):
        try:
            out.append(binascii.a2b_base64(part, strict_mode=True))
        except binascii.Error:
            return None
    return b"".join(out)


class Strings:
    """Collects the texts of messages, each with the numbers of the fields that lead to it, ``1/4/2``.

    ``reason`` says what was left out; ``""`` when nothing was.
    """

    def __init__(self, inflate: Inflater | None = None) -> None:
        self.inflate = inflate or Inflater()
        self.texts: list[tuple[str, str]] = []
        self.rest: list[str] = []  # texts beyond those that are kept one by one
        self.reason = ""
        self._fields = 0
        self._work = 0
        self._chars = 0

    def take(self, data: bytes, path: str, depth: int = 0) -> None:
        """Take the texts of one message, or what looks like text in bytes that are none. Never raises."""
        self._work += len(data)
        if self._work > _WORK_BYTES_MAX:
            self.reason = self.reason or "more nested than can be looked at"
            self._runs(data, path)
            return
        fields: list[tuple[int, bytes, bool]] = [(0, data, False)]
        if depth < DEPTH_MAX and self._fields < _FIELDS_MAX:
            fields = []
            for field in _fields(data):
                self._fields += 1
                fields.append(field)
                if self._fields > _FIELDS_MAX:
                    self.reason = self.reason or "more fields than can be looked at"
                    fields.append((0, data, False))
                    break
        if not all(whole for _, _, whole in fields):
            self._runs(data, path)
            return
        for number, child, _ in fields:
            if child:
                self._value(child, f"{path}/{number}", depth)

    def text(self, text: str, path: str) -> None:
        """Take one text as it stands."""
        if not text.strip():
            return
        self._chars += len(text)
        if self._chars > TEXT_CHARS_MAX:
            self.reason = self.reason or "more text than can be looked at"
            return
        if len(self.texts) < TEXTS_MAX:
            self.texts.append((path, text))
        else:
            self.rest.append(text)

    def _value(self, child: bytes, path: str, depth: int) -> None:
        if child.startswith(_GZIP):
            made = self.inflate(child)
            if made is None:
                self.reason = self.reason or "compressed in a way that could not be undone"
            else:
                child = made
        text = _as_text(child)
        if text is None:
            self.take(child, path, depth + 1)
        else:
            self.text(text, path)

    def _runs(self, data: bytes, path: str) -> None:
        """Whatever in ``data`` may be text, as one."""
        self.text("\n".join(run.decode("utf-8", "replace") for run in _RUNS.findall(data)), path)


def _as_text(data: bytes) -> str | None:
    """``data`` as text when it is nothing else: UTF-8 without control characters."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _fields(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Numbers and bytes of a message's fields, no bytes of those that hold no text; a last one that is not whole: it is
    no message."""
    at, size = 0, len(data)
    while at < size:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if at < 0 or not 0 < number <= _FIELD_MAX or kind in (6, 7):
            yield 0, data, False
            return
        if kind in _SIZES:
            at = _varint(data, at)[1] if kind == 0 else at + _SIZES[kind]
            if 0 <= at <= size:
                yield number, b"", True
        elif kind == 2:
            length, at = _varint(data, at)
            if at >= 0 and at + length <= size:
                yield number, data[at : at + length], True
                at += length
            else:
                at = -1
        if not 0 <= at <= size:
            yield 0, data, False
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends; -1 when it does not."""
    value = 0
    for shift, byte in enumerate(data[at : at + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at + shift + 1
    return 0, -1
