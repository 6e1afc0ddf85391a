"""PDFium in this process: the documents are our own."""

from __future__ import annotations

import zlib

import pytest

from harness import papers
from weir.dlp.files.job import FileLimits, FileTexts, Job, Stop
from weir.dlp.files.pdf import read_pdf

WORD = "alder-brook-4711-cedar"


def read(data: bytes) -> FileTexts:
    job = Job(FileLimits(), None, lambda *_: "")
    return job.result(read_pdf(job, data, ""))


def test_every_place_of_a_document() -> None:
    found = read(papers.pdf(WORD, note="a note", field="a field", title="a title"))
    texts = {text.where: text.text for text in found.texts}
    assert texts["page/0"].strip() == WORD and texts["info"] == "a title"
    assert "a note" in texts["page/0/notes"] and "a field" in texts["page/0/notes"]
    assert found.complete and found.bytes_made > 0


def test_pictures_and_locks() -> None:
    assert read(papers.pdf(WORD, picture=True)).reason == "image"
    assert read(papers.locked_pdf()).reason == "encrypted file"
    with pytest.raises(Stop, match="damaged PDF"):
        read(b"%PDF-1.7 and nothing else")


def test_a_page_that_is_drawn_only() -> None:
    line = papers.pdf("x").replace(b"BT /F1 12 Tf 20 700 Td (x) Tj ET", b"0 0 m 99 99 l 9 9 l h S           ")
    assert read(line).reason == "file: page without text"


def _stamped(marks: bytes, drawn: bytes) -> bytes:
    return papers._objects(
        [
            b"<</Type/Catalog/Pages 2 0 R%s>>" % marks,
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 5 0 R/Annots[7 0 R]"
            b"/Resources<</Font<</F1 4 0 R>>>>>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length 32>>stream\nBT /F1 12 Tf 20 700 Td (x) Tj ET\nendstream",
            b"<</Title(x)>>",
            b"<</Type/Annot/Subtype/Stamp/Rect[0 0 300 50]/AP<</N 8 0 R>>>>",
            b"<</Type/XObject/Subtype/Form/BBox[0 0 300 50]/Filter/FlateDecode/Resources<</Font<</F1 4 0 R>>>>"
            b"/Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
            b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(XFA), XFA),
        ]
    )


XFA = zlib.compress(f"<xdp:xdp><template><text>{WORD}</text></template></xdp:xdp>".encode())


def test_what_annotations_look_like() -> None:
    drawn = zlib.compress(b"BT /F1 12 Tf 2 2 Td (%s) Tj ET" % WORD.encode())
    texts = {text.where: text.text for text in read(_stamped(b"", drawn)).texts}
    assert texts["page/0"].strip() == "x" and texts["page/0/stamps"].strip() == WORD


def test_a_form_of_xml() -> None:
    read_as: list[tuple[str, bytes]] = []
    job = Job(FileLimits(), None, lambda job, data, where, name, kind: read_as.append((where, data)) or "")
    read_pdf(job, _stamped(b"/AcroForm<</Fields[]/XFA 9 0 R>>", zlib.compress(b"q Q")), "")
    assert job.result("").complete and [where for where, _ in read_as] == ["form/0/"]
    assert WORD.encode() in read_as[0][1]
