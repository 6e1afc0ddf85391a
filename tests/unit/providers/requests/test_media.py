from __future__ import annotations

import base64

import pytest

from weir.providers.requests.media import Encoded, encoded, is_base64, is_seal, magic, points_elsewhere, remote
from weir.providers.wire.values import JsonObject


def b64(start: bytes, size: int = 96) -> str:
    return base64.b64encode(start + bytes(range(128, 256))[: size - len(start)]).decode()


PNG = b64(b"\x89PNG\r\n\x1a\n")
PDF = b64(b"%PDF-1.7\n")
WAV = b64(b"RIFF\x10\x10\x00\x00WAVEfmt ")
BYTES = b64(b"\x80")  # no media that anyone knows
TEXT = base64.b64encode(b"a note with an account number in it, long enough to be a file of its own").decode()
NOTE = base64.b64decode(TEXT)
KEY = "ghp_" + "Ab0" * 24  # passes for base64


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\xff\xd8\xff\xe0", "image"),
        (b"GIF89a", "image"),
        (b"RIFF....WEBP", "image"),
        (b"RIFF....WAVE", "audio"),
        (b"RIFF....EVIL", ""),
        (b"....ftypavif", "image"),
        (b"....ftypM4A ", "audio"),
        (b"....ftypisom", "video"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x10", "audio"),
        (b"ID3 is no tag", ""),
        (b"\xff\xfb\x90\x44", "audio"),
        (b"\xff\xff\xff\xff", ""),
        (b"%PDF-1.4", "file"),
        (b"PK\x03\x04", "file"),
        (b"BM is no picture", ""),
        (b"", ""),
    ],
)
def test_magic(head: bytes, kind: str) -> None:
    assert magic(head) == kind


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [
        ("url", "data:image/png;base64," + PNG, Encoded("", False, raw(PNG), "image/png")),
        ("url", "DATA:Audio/wav;codec=1;base64," + WAV, Encoded("", False, raw(WAV), "Audio/wav")),
        ("file_data", "data:application/pdf;base64," + PDF, Encoded("", False, raw(PDF), "application/pdf")),
        ("url", "data:;base64," + PNG, Encoded("", False, raw(PNG))),
        ("url", "data:image/png;base64," + BYTES, Encoded("", True, raw(BYTES), "image/png")),
        ("url", "data:image/png;base64," + BYTES[:-3], Encoded("image", True, raw(BYTES[:-4]), "image/png")),
        ("url", "data:;base64,AKIA" + "A2" * 8, Encoded("", True, raw("AKIA" + "A2" * 8))),
        ("url", "data:text/plain;base64," + TEXT, Encoded("", True, NOTE, "text/plain")),
        ("url", "data:;base64," + TEXT[:40] + "\r\n" + TEXT[40:], Encoded("", True, NOTE)),
        ("url", "data:image/png;base64,not base64 at all", None),
        ("url", "data:text/plain,hello", None),
        ("content", "data:image/png;base64," + PNG, Encoded("", False, raw(PNG), "image/png")),
        ("text", "data:;base64," + PNG, Encoded("", False, raw(PNG))),
        ("url", 'data:application/pdf;name="a b.pdf";base64,' + PDF, Encoded("", False, raw(PDF), "application/pdf")),
        (
            "url",
            "data:application/pdf;a=1;b=2;c=3;d=4;e=5;base64," + PDF,
            Encoded("", False, raw(PDF), "application/pdf"),
        ),
        ("url", " data:application/pdf; base64 ," + PDF, Encoded("", False, raw(PDF), "application/pdf")),
        ("url", "data:a/b;base64," + " ".join((PDF[:40], PDF[40:])), Encoded("", False, raw(PDF), "a/b")),
        ("url", "data:a/b;base64," + f"%{ord(PDF[0]):02X}{PDF[1:]}", Encoded("", False, raw(PDF), "a/b")),
        ("url", "data:a/b;base64," + PDF[:9] + "!" + PDF[9:], Encoded("", False, raw(PDF), "a/b")),
        ("url", "data:a/b;base64,=" + PDF, Encoded("file", True, raw(PDF), "a/b")),
        ("content", PDF, Encoded("", False, raw(PDF))),
        ("content", BYTES, None),
        ("text", "data: is a word, and this a sentence; base64, too, is only mentioned here and means no bytes", None),
    ],
)
def test_uris(name: str, text: str, want: Encoded | None) -> None:
    assert encoded(name, text, {}, "") == want


@pytest.mark.parametrize(
    ("parent", "parent_name", "member", "want"),
    [
        ({"media_type": "image/png", "data": PNG}, "source", "data", Encoded("", False, raw(PNG), "image/png")),
        (
            {"media_type": "application/pdf", "data": PDF},
            "source",
            "data",
            Encoded("", False, raw(PDF), "application/pdf"),
        ),
        ({"media_type": "text/plain", "data": TEXT}, "source", "data", Encoded("", True, NOTE, "text/plain")),
        ({"media_type": "image/png", "data": KEY}, "source", "data", Encoded("", True, raw(KEY), "image/png")),
        ({"mimeType": "video/mp4", "data": PNG}, "inlineData", "data", Encoded("", False, raw(PNG), "video/mp4")),
        ({"data": WAV, "format": "wav"}, "input_audio", "data", Encoded("", False, raw(WAV), "audio/*")),
        ({"data": BYTES, "format": "pcm16"}, "input_audio", "data", Encoded("", True, raw(BYTES), "audio/*")),
        ({"b64_json": PNG}, "", "b64_json", Encoded("", False, raw(PNG), "image/*")),
        ({"bytes": KEY}, "input", "bytes", Encoded("", True, raw(KEY))),
        ({"file_data": KEY, "filename": "a.txt"}, "file", "file_data", Encoded("", True, raw(KEY), "", "a.txt")),
        ({"type": "text", "media_type": "text/plain", "data": PNG}, "source", "data", None),
        ({"media_type": "image/png", "data": "plain words"}, "source", "data", None),
        ({"media_type": "image/png", "data": "short"}, "source", "data", None),
        ({"data": PNG}, "args", "data", None),
    ],
)
def test_members(parent: JsonObject, parent_name: str, member: str, want: Encoded | None) -> None:
    text = parent[member]
    assert isinstance(text, str)
    assert encoded(member, text, parent, parent_name) == want


def test_addresses() -> None:
    assert remote("image_url", "https://h.example/x") == "remote image"
    assert remote("fileUri", "https://h.example/x") == "remote file"
    assert remote("text", "https://h.example/x") == remote("image_url", "data:text/plain,x") == ""
    assert points_elsewhere({"url": "https://h.example"}, "image_url") == "remote image"
    assert points_elsewhere({"url": "data:image/png;base64,"}, "image_url") == ""
    assert points_elsewhere({"type": "url", "url": "https://h.example"}, "source") == "remote file"
    assert points_elsewhere({"url": "https://h.example"}, "link") == ""


def test_seals() -> None:
    assert is_seal("signature", PNG, {})
    assert not is_seal("signature", PNG[:40], {})
    assert not is_seal("signature", PNG + " words", {})
    assert not is_seal("text", PNG, {})
    assert is_seal("data", PNG, {"type": "redacted_thinking"})
    assert not is_seal("data", PNG, {"type": "other"}) and not is_seal("data", PNG, None)


def test_base64() -> None:
    assert is_base64("aGk=") and is_base64("a-_b")
    assert not is_base64("") and not is_base64("a b")
