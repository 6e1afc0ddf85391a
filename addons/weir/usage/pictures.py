"""Width and height of a picture, and the length of a WAVE sound, out of their first bytes. Nothing is decoded."""

from __future__ import annotations

import struct

__all__ = ["picture_size", "sound_seconds"]

_SIDE_MAX = 65_535
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG: the markers that say how large
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # JPEG: the markers that nothing follows
_MARKERS_MAX = 2_000


def picture_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels of a PNG, GIF, JPEG or WebP; None for anything else. Any bytes will do."""
    try:
        found = _size(data)
    except (struct.error, IndexError):
        return None
    return found if found and 0 < found[0] <= _SIDE_MAX and 0 < found[1] <= _SIDE_MAX else None


def _size(data: bytes) -> tuple[int, int] | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if data[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack_from("<HH", data, 6)
        return width, height
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MARKERS_MAX):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def sound_seconds(data: bytes) -> float | None:
    """Length of a WAVE sound in seconds; None for anything else: other formats don't say it in front."""
    if not data.startswith(b"RIFF") or data[8:12] != b"WAVE":
        return None
    at, rate = 12, 0
    for _ in range(_MARKERS_MAX):
        if at + 8 > len(data):
            return None
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"fmt " and at + 20 <= len(data):
            rate = int.from_bytes(data[at + 16 : at + 20], "little")  # bytes a second
        elif kind == b"data":
            return min(size, len(data) - at - 8) / rate if rate else None  # a stream's header may promise 4 GB
        at += 8 + size + size % 2
    return None
