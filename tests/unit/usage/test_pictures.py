"""Sizes out of the first bytes, of pictures made here byte by byte."""

from __future__ import annotations

import io
import struct
import wave

import pytest

from weir.usage.pictures import picture_size, sound_seconds


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", width, height) + b"\x08\x02"


def jpeg(width: int, height: int, marker: int = 0xC2) -> bytes:
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + bytes(9)
    table = b"\xff\xc4" + struct.pack(">H", 4) + bytes(2)
    frame = bytes([0xFF, marker]) + struct.pack(">HBHH", 11, 8, height, width) + bytes(4)
    return b"\xff\xd8" + app + b"\xff" + table + b"\xff\xd0" + frame


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(3)


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 100) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


def extended(width: int, height: int) -> bytes:
    return webp(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


def lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14))


def lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height))


@pytest.mark.parametrize("made", [png, jpeg, gif, extended, lossless, lossy], ids=lambda made: made.__name__)
def test_width_and_height(made) -> None:  # type: ignore[no-untyped-def]
    assert picture_size(made(1024, 333)) == (1024, 333)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00", b"\xff\xd8\x00\x00", b"GIF89a\x01", b"%PDF-1.7", png(0, 5),
        png(70_000, 5), png(5, 5)[:20], extended(5, 5)[:25], webp(b"VP8 ", bytes(12)), webp(b"ALPH", bytes(40)),
        b"\xff\xd8" + b"\xff" * 5000, b"\xff\xd8" + b"\xff\xd0" * 5000,
    ],
)  # fmt: skip
def test_what_has_no_size(data: bytes) -> None:
    assert picture_size(data) is None


def sound(seconds: float, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(rate)
        made.writeframes(bytes(2 * int(seconds * rate)))
    return out.getvalue()


def test_the_length_of_a_sound() -> None:
    assert sound_seconds(sound(2.5)) == 2.5


def test_a_header_that_promises_too_much_is_not_believed() -> None:
    data = sound(1.0)
    at = data.index(b"data") + 4
    assert sound_seconds(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]) == 1.0


@pytest.mark.parametrize("data", [b"", b"ID3\x04", sound(1)[:30], b"RIFF\x00\x00\x00\x00WAVE" + bytes(40)])
def test_what_has_no_length(data: bytes) -> None:
    assert sound_seconds(data) is None
