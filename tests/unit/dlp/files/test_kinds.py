from __future__ import annotations

import pytest

from harness import papers
from weir.dlp.files.kinds import CONTAINERS, HEAVY, detect, is_tar, text_kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (papers.pdf("x"), "pdf"),
        (b"junk before " + papers.pdf("x"), "pdf"),
        (papers.docx("x"), "zip"),
        (papers.tar({"a": b"x"}), "tar"),
        (papers.PNG, "image"),
        (b"GIF89a\x01\x00\x01\x00", "image"),
        (b"RIFF....WEBP", "image"),
        (b"RIFF....WAVE", "audio"),
        (b"....ftypM4A ", "audio"),
        (b"....ftypisom", "video"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x10", "audio"),
        (b"\xff\xfb\x90\x44", "audio"),
        (b"MZ\x90\x00\x03", "executable"),
        (b"SQLite format 3\x00", "database"),
        (b"{\\rtf1}", "rtf"),
        (b"MZ is how this letter begins", ""),
        (b"BZh my name is", ""),
        (b"ID3 is no tag", ""),
        (b"FORM letters are dull", ""),
        (b"BM is no picture", ""),
        (b"hello", ""),
        (b"", ""),
    ],
)
def test_by_its_bytes(data: bytes, kind: str) -> None:
    assert detect(data) == kind


def test_tar_by_its_checksum() -> None:
    data = bytearray(papers.tar({"a": b"x"}))
    data[257:265] = bytes(8)  # as before there was a mark
    total = sum(data[:148]) + sum(data[156:512]) + 8 * 32
    data[148:156] = b"%06o\0 " % total
    assert is_tar(bytes(data))
    data[0] ^= 1
    assert not is_tar(bytes(data)) and not is_tar(b"x" * 511) and not is_tar(b"x" * 512) and not is_tar(bytes(512))


@pytest.mark.parametrize(
    ("text", "name", "media_type", "kind"),
    [
        ('{"a": 1}', "", "", "json"),
        ("[1]", "a.txt", "text/plain", "json"),
        ("<?xml version='1.0'?><a/>", "", "", "markup"),
        ("\ufeff <!DOCTYPE html>", "", "", "markup"),
        ("<p class='x'>", "", "", "markup"),
        ("a < b and b > c", "", "", "text"),
        ("a,b", "a.csv", "", "text"),
        ("words", "page.html", "", "markup"),
        ("words", "", "application/ld+json", "json"),
        ("words", "", "image/svg+xml; charset=utf-8", "markup"),
        ("words", "", "message/rfc822", "mail"),
        ("Received: by x\r\nFrom: a@b\r\nTo: c@d\r\n\r\nhi", "", "", "mail"),
        ("Note: a\nWarning: b\nHint: c\n", "", "", "text"),
        ("{\\rtf1 x}", "", "", "rtf"),
    ],
)
def test_texts_by_their_beginning_then_by_name_and_type(text: str, name: str, media_type: str, kind: str) -> None:
    assert text_kind(text, name, media_type) == kind


def test_what_leaves_the_process() -> None:
    assert CONTAINERS < HEAVY and "pdf" in HEAVY and "mail" in HEAVY
