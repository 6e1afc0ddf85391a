from __future__ import annotations

import struct
import zlib

import pytest

from harness import papers
from weir.dlp.files.job import FileLimits, FileTexts, Job, Stop
from weir.dlp.files.zips import read_zip

WORD = "alder-brook-4711-cedar"


def read(data: bytes, limits: FileLimits | None = None) -> FileTexts:
    def text(job: Job, data: bytes, where: str, name: str, media_type: str) -> str:
        job.add(where, data.decode("utf-8", "replace"))
        return ""

    job = Job(limits or FileLimits(), None, text)
    return job.result(read_zip(job, data, ""))


def test_members_by_number_names_as_text() -> None:
    found = read(papers.zipped({f"{WORD}.txt": "one", "b/": "", "c": "two"}))
    assert [(text.where, text.text) for text in found.texts] == [
        ("names", f"{WORD}.txt\nb/\nc"), ("part/0/", "one"), ("part/2/", "two")
    ]  # fmt: skip
    assert not any(WORD in text.where for text in found.texts)


def test_a_member_that_no_directory_lists() -> None:
    shown, hidden = papers.zipped({"a": "x"}), papers.zipped({"hidden.txt": WORD * 5})
    end = hidden.index(b"PK\x01\x02")
    found = read(hidden[:end] + shown)
    assert found.reason == "file: members that an archive's directory leaves out" and found.failed
    assert any("hidden.txt" in text.text for text in found.texts)
    found = read(bytes(100) + WORD.encode() + shown)
    assert found.reason == "file: data between the members of an archive" and not found.failed


@pytest.mark.parametrize("offset", [10, 20, 40])
def test_damage_is_said(offset: int) -> None:
    data = bytearray(papers.zipped({"a.txt": WORD * 100}))
    data[offset] ^= 0xFF
    try:
        found = read(bytes(data))
    except Stop as stop:
        assert "damaged" in str(stop)
    else:
        assert found.complete or found.failed


def test_a_packing_nobody_knows() -> None:
    data = bytearray(papers.zipped({"a.txt": WORD}))
    data[data.index(b"PK\x01\x02") + 10] = 77
    assert read(bytes(data)).reason == "file: a packing that is not known"


def test_sizes_that_lie() -> None:
    data = bytearray(papers.zipped({"a.txt": "x" * 100}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(Stop, match="more than the limit"):
        read(bytes(data))


_BODY = b"x"


def _made(extra: bytes = b"", between: bytes = b"", after: bytes = b"") -> bytes:
    sizes = struct.pack("<III", zlib.crc32(_BODY), len(_BODY), len(_BODY))
    local = b"PK\3\4" + struct.pack("<5H", 20, 0, 0, 0, 0) + sizes + struct.pack("<HH", 1, len(extra)) + b"a" + extra
    entry = (
        b"PK\1\2" + struct.pack("<6H", 20, 20, 0, 0, 0, 0) + sizes + struct.pack("<5HII", 1, 0, 0, 0, 0, 0, 0) + b"a"
    )
    start = len(local) + len(_BODY) + len(between)
    end = b"PK\5\6" + struct.pack("<4HIIH", 0, 0, 1, 1, len(entry), start, 0)
    return local + _BODY + between + entry + end + after


@pytest.mark.parametrize(
    "data",
    [
        _made(extra=struct.pack("<HH", 0x7777, len(WORD)) + WORD.encode()),
        _made(between=WORD.encode()),
        _made(after=WORD.encode()),
        papers.zipped({f"{WORD}/": "", "b": "x"}),
        papers.zipped({"a/": WORD, "b": "x"}),
        papers.zipped({"[Content_Types].xml": "<a/>", "word/document.xml": "<a/>", f"word/{WORD}.xml": "<a/>"}),
    ],
    ids=[
        "own extra field",
        "before the directory",
        "after the end",
        "name",
        "folder with a body",
        "part of a document",
    ],
)
def test_no_place_of_an_archive_is_left_out(data: bytes) -> None:
    assert any(WORD in text.text for text in read(data).texts)


def test_small_hidden_members_are_noticed_too() -> None:
    hidden = b"PK\3\4" + struct.pack("<5HIIIHH", 20, 0, 0, 0, 0, zlib.crc32(_BODY), 1, 1, 1, 0) + b"h" + _BODY
    assert read(hidden + papers.zipped({"a": "x"})).failed


def test_a_member_that_only_says_it_is_encrypted() -> None:
    data = bytearray(papers.zipped({"a.txt": WORD}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    found = read(bytes(data))
    assert found.complete and ("part/0/", WORD) in [(text.where, text.text) for text in found.texts]
    assert read(papers.locked_zip(WORD)).reason == "encrypted file"
