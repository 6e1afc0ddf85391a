from __future__ import annotations

import base64
import zlib

import pytest

from harness import papers
from weir.dlp.files import read as module
from weir.dlp.files.job import FileLimits, FileTexts
from weir.dlp.files.read import Heavy, read_here

WORD = "alder-brook-4711-cedar"


def read(data: bytes, name: str = "", media_type: str = "", *, heavy: bool = True) -> FileTexts:
    return read_here(data, name, media_type, FileLimits(), None, heavy=heavy)


@pytest.mark.parametrize(
    "data",
    [
        papers.pdf("x"),
        papers.docx("x"),
        papers.eml("x"),
        papers.tar({"a": b"x"}),
        papers.PNG + papers.zipped({"a": "x"}),
        papers.jsonl("data:;base64," + base64.b64encode(papers.pdf("x")).decode()),
    ],
    ids=["pdf", "docx", "mail", "tar", "polyglot", "pdf in json"],
)
def test_parsers_stay_out_of_this_process(data: bytes) -> None:
    with pytest.raises(Heavy):
        read(data, heavy=False)


def test_a_file_that_is_two_things() -> None:
    found = read(papers.PNG + papers.zipped({"a.txt": WORD}))
    assert any(WORD in text.text for text in found.texts) and "image" in found.reason
    assert any(WORD in text.text for text in read(papers.pdf("x") + papers.zipped({"a.txt": WORD})).texts)


def test_a_library_that_raises_is_a_reason_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> str:
        raise ValueError(WORD)

    monkeypatch.setattr(module, "read_zip", fails)
    found = read(papers.zipped({"a": "x"}))
    assert (found.failed, found.reason) == (True, "file: ValueError in the reader")


def test_one_damaged_member_does_not_hide_the_others() -> None:
    found = read(papers.zipped({"a.pdf": b"%PDF-1.7 broken", "b.txt": WORD}))
    assert found.failed and any(WORD in text.text for text in found.texts)


def test_many_files_in_a_text_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EMBEDDED_MAX", 3)
    coded = base64.b64encode(papers.PNG * 3).decode()
    assert "more files in a text" in read(" ".join([coded] * 5).encode()).reason


def test_what_is_declared_names_the_unknown() -> None:
    assert read(bytes(range(256)) * 4, media_type="audio/pcm").reason == "audio"
    assert read(bytes(range(256)) * 4, media_type="application/x").reason == "file"


def flate_pdf(text: str) -> bytes:
    drawn = zlib.compress(b"BT /F1 12 Tf 20 700 Td (%s) Tj ET" % text.encode())
    return papers.pdf("").replace(
        b"<</Length 0>>stream\n", b"<</Length %d/Filter/FlateDecode>>stream\n%s" % (len(drawn), drawn)
    )


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n" + flate_pdf(WORD), ""),
        (b"\x89PNG\r\n\x1a\n" + f"n\u00e4ch {WORD}".encode(), ""),
        (b"\xff\xd8\xff\xe0" + f"\u00e4 {WORD}".encode(), "text/plain"),
        (b"\xff\xfe" + WORD.encode(), ""),
        (WORD.encode(), "text/plain; charset=utf-16le"),
        (f"Received: x y\nMIME-Version: 1.0\nSubject: z\nContent-Transfer-Encoding: base64\n\n{WORD}22\n".encode(), ""),
        (f"Attached:\n\n{base64.encodebytes(papers.docx(WORD)).decode()}".encode(), ""),
        (f"<p>{WORD[:9]}<!-- -->{WORD[9:]}</p>".encode(), "text/html"),
    ],
    ids=["two kinds", "image mark", "jpeg mark", "byte order mark", "declared", "mail", "lines of base64", "comment"],
)
def test_files_that_say_they_are_something_else(data: bytes, media_type: str) -> None:
    assert any(WORD in text.text for text in read(data, "a.txt", media_type).texts)


def test_a_charset_that_is_not_known() -> None:
    found = read(WORD.encode("cp037"), "a.txt", "text/plain; charset=cp037")
    assert found.failed and found.reason == "file: a charset that is not known"
    assert read(b"plain words", "a.txt", "text/plain; charset=utf-8").complete
