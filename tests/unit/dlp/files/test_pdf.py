"""PDFium in this process: the documents are our own."""

from __future__ import annotations

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
