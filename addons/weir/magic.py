"""What pictures, sounds and films begin with: for whoever asks whether bytes are one."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SURE", "contained", "is_sound"]

SURE: Final = (
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF87a", "image"),
    (b"GIF89a", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"OggS\x00", "audio"),
    (b"fLaC\x00", "audio"),
    (b"#!AMR", "audio"),
    (b"\x1a\x45\xdf\xa3", "video"),
)
_RIFF: Final = {b"WEBP": "image", b"WAVE": "audio", b"AVI ": "video"}
_BRANDS: Final = {b"avif": "image", b"heic": "image", b"heix": "image", b"mif1": "image", b"M4A ": "audio"}
# Frames of MP3 and AAC have no word to begin with, only bits: a sync mark, and rates that exist.
_SOUND = re.compile(rb"\xff(?:[\xf2\xf3\xfa\xfb][\x10-\xeb]|[\xf0\xf1\xf8\xf9][\x40-\xff])", re.DOTALL)
_ID3 = re.compile(rb"ID3[\x02-\x04][\x00-\x09].[\x00-\x7f]{4}", re.DOTALL)


def contained(head: bytes, *, riff: str = "") -> str:
    """What containers tell by more than their first bytes: image, audio, video or ``""``.

    ``riff`` is the answer for a RIFF file of a sort that is not known.
    """
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], riff)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video")
    if head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00":
        return "image"
    return ""


def is_sound(head: bytes) -> bool:
    """True for MP3 and AAC: the weakest of marks, to be asked last."""
    return bool(_SOUND.match(head) or _ID3.match(head))
