"""Bytes that were encoded, read as text: UTF-8, UTF-16, what was compressed, and readable stretches of what is none."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from weir.dlp.views.view import Spans, Whole

__all__ = ["TooMuch", "Unpacked", "promising", "unpack"]

_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n\r")
_CONTROLS_MAX = 0.1  # of a text's bytes
_READABLE = bytes(ord("x") if 32 <= code < 127 or code in b"\t\n\r" else ord(" ") for code in range(256))
_STRETCH_MIN = 8
_STRETCH_MIN_LONG = 12  # where there is so much that eight readable bytes come by chance
_LONG_BYTES = 1024
_INFLATIONS_MAX = 3


@dataclass(slots=True)
class _Encoded:
    """Characters whose bytes start at ``begin`` of the data."""

    begin: int
    text: str
    codec: str

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The bytes of the characters."""
        first = self.begin + len(self.text[:start].encode(self.codec, "surrogatepass"))
        return first, first + len(self.text[start:end].encode(self.codec, "surrogatepass"))

    def __repr__(self) -> str:
        return f"_Encoded({self.begin}, {self.codec})"


@dataclass(slots=True)
class Unpacked:
    """A text in the data. ``kinds`` are what else was undone (``(">gzip",)``); ``spans`` lead to bytes of the data."""

    text: str
    kinds: str
    spans: Spans

    def __repr__(self) -> str:
        return f"Unpacked({self.kinds}, {len(self.text)} characters)"


class TooMuch(Exception):
    """What comes out of a compressed stretch is more than may be looked at. It carries no text."""


def unpack(data: bytes, limit: int, stretch_min: int = 0) -> tuple[list[Unpacked], bool]:
    """The texts in ``data``, and whether there is more in what was compressed than ``limit`` bytes.

    ``stretch_min`` (bytes) is how long a readable stretch has to be in data that is not text as a whole; given, only
    such stretches are looked for.
    """
    if stretch_min:
        return list(_stretches(data, stretch_min)), False
    kinds, inflated, over = "", data, False
    for _ in range(_INFLATIONS_MAX):
        found = _inflate(inflated, limit)
        if found is None:
            break
        kind, inflated, over = found
        kinds += ">" + kind
        if over:
            break
    if not kinds:
        return list(_read(data)), False
    over = over or (kinds.count(">") == _INFLATIONS_MAX and _inflate(inflated, limit) is not None)
    return [Unpacked(one.text, kinds + one.kinds, Whole(0, len(data))) for one in _read(inflated)], over


def _read(data: bytes) -> Iterator[Unpacked]:
    zeros = data.count(0)
    if zeros * 3 >= len(data) and len(data) >= 2 * _STRETCH_MIN:
        codec = "utf-16-le" if data[1::2].count(0) * 2 >= zeros else "utf-16-be"
        other = data[0::2] if codec == "utf-16-le" else data[1::2]
        if _is_plain(other):
            even = len(data) & ~1
            text = data[:even].decode(codec, "surrogatepass")
            yield Unpacked(text, ">utf-16", _Encoded(0, text, codec))
            return
    if _is_plain(data):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = ""
        if len(text) >= _STRETCH_MIN:
            yield Unpacked(text, "", _Encoded(0, text, "utf-8"))
            return
    yield from _stretches(data, _STRETCH_MIN_LONG if len(data) > _LONG_BYTES else _STRETCH_MIN)


def _is_plain(data: bytes) -> bool:
    return len(data) - len(data.translate(None, _CONTROLS)) <= _CONTROLS_MAX * len(data)


def _stretches(data: bytes, length_min: int) -> Iterator[Unpacked]:
    """Readable ASCII in what is none as a whole, as `strings` shows it."""
    classes, needle, place = data.translate(_READABLE), b"x" * length_min, 0
    while (place := classes.find(needle, place)) >= 0:
        end = classes.find(b" ", place)
        end = len(data) if end < 0 else end
        text = data[place:end].decode("ascii")
        yield Unpacked(text, "", _Encoded(place, text, "ascii"))
        place = end


def promising(start: bytes, length: int) -> bool:
    """Whether data of about ``length`` bytes that begins with these three may be text although it isn't ASCII."""
    first, second, _ = start
    return (
        start == b"\x1f\x8b\x08"
        or (first == 0x78 and (first << 8 | second) % 31 == 0)
        or _may_be_deflated(first, length)
        or (first >= 0xC2 and second & 0xC0 == 0x80)  # UTF-8 of another script
    )


def _may_be_deflated(first: int, length: int) -> bool:
    """No magic there: the last block of what deflate wrote, or the first of several where it is long."""
    return length >= 16 and (first & 7 in (3, 5) or (first & 7 == 4 and length > _LONG_BYTES))


def _inflate(data: bytes, limit: int) -> tuple[str, bytes, bool] | None:
    """The kind, what comes out of it (no more than ``limit`` bytes), and whether that is not all."""
    if len(data) < _STRETCH_MIN:
        return None
    if data[:3] == b"\x1f\x8b\x08":
        kind, window = "gzip", 31
    elif data[:1] == b"\x78" and len(data) > 1 and int.from_bytes(data[:2]) % 31 == 0:
        kind, window = "zlib", 15
    elif _may_be_deflated(data[0], len(data)) and not data.isascii():
        kind, window = "deflate", -15  # no magic: it has to end where the data does
    else:
        return None
    stream = zlib.decompressobj(window)
    try:
        out = stream.decompress(data, max(limit, 1))
    except zlib.error:
        return None
    if kind == "deflate" and not (stream.unconsumed_tail or (stream.eof and len(stream.unused_data) < 3)):
        return None
    return (kind, out, bool(stream.unconsumed_tail)) if out else None
