from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from harness import papers
from harness.effort import within
from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits, attach
from weir.dlp.files.attach import FILE, holds_files
from weir.model import Attachment, Endpoint, Exchange, Inspection, Segment

WORD = "alder-brook-4711-cedar"
ASK = Segment("/messages/0/content", "user", "What does it say?")


def exchange(*files: Attachment, inspection: Inspection = Inspection.INSPECTED, reason: str = "") -> Exchange:
    return Exchange(Endpoint("s", "d", "chat"), "m", False, (ASK,), files, inspection=inspection, reason=reason)


def test_without_files_it_is_the_same() -> None:
    one = exchange()
    assert attach(one, FileLimits()) is one


def test_texts_join_the_segments_by_number() -> None:
    files = (Attachment("/a", b"first"), Attachment("/b", papers.docx(WORD), "a-long-name.docx", role="tool"))
    found = attach(exchange(*files), FileLimits())
    assert found.attachments == () and found.segments[0] is ASK
    rows = [(s.pointer, s.part, s.role) for s in found.segments[1:]]
    assert rows[0] == ("#file/0/text", "file:0", "user")
    assert ("#file/1/name", "file:1", "tool") in rows and all(pointer.startswith(FILE) for pointer, _, _ in rows)
    assert any(WORD in s.text for s in found.segments) and not any(WORD in s.pointer for s in found.segments)
    assert (found.inspection, found.reason) == (Inspection.INSPECTED, "")


@pytest.mark.parametrize(
    ("data", "before", "after", "reason"),
    [
        (papers.PNG, Inspection.INSPECTED, Inspection.PARTIAL, "image"),
        (papers.PNG, Inspection.PARTIAL, Inspection.PARTIAL, "remote image; image"),
        (papers.PNG, Inspection.FAILED, Inspection.FAILED, "remote image; image"),
        (b"PK\x03\x04" + bytes(40), Inspection.PARTIAL, Inspection.FAILED, "remote image; file: damaged archive"),
        (b"text", Inspection.PARTIAL, Inspection.PARTIAL, "remote image"),
    ],
)
def test_what_is_not_seen_lowers_the_inspection(
    data: bytes, before: Inspection, after: Inspection, reason: str
) -> None:
    why = "" if before is Inspection.INSPECTED else "remote image"
    found = attach(
        exchange(Attachment("/a", data), Attachment("/b", data), inspection=before, reason=why), FileLimits()
    )
    assert (found.inspection, found.reason) == (after, reason)


def test_all_files_share_one_bound() -> None:
    one = Attachment("/a", papers.zipped({"a.txt": "x" * 6000}))
    limits = FileLimits(bytes_max=10_000)
    assert attach(exchange(one), limits).inspection is Inspection.INSPECTED
    found = attach(exchange(one, one), limits)
    assert (found.inspection, found.reason) == (Inspection.FAILED, "file: unpacks to more than the limit")


def test_of_a_bomb_only_the_beginning_is_kept() -> None:
    found = attach(exchange(Attachment("/a", papers.zip_bomb())), FileLimits())
    assert found.inspection is Inspection.FAILED
    assert sum(len(segment.text) for segment in found.segments) < (1 << 20) + 1000


def test_no_time_left() -> None:
    found = attach(exchange(Attachment("/a", b"text")), FileLimits(), Deadline(0))
    assert (found.inspection, found.reason) == (Inspection.FAILED, "file: out of time")


def test_what_one_file_ends_with_goes_on_in_the_next() -> None:
    files = (Attachment("/a", b"first", "the-first.txt"), Attachment("/b", b"second", "the-second.txt"))
    found = attach(exchange(*files), FileLimits()).segments[1:]
    assert [s.pointer for s in found] == ["#file/0/text", "#file/1/text", "#file/0/name", "#file/1/name"]


@pytest.mark.parametrize("fold", ["", "\n", "\r\n  ", "\\n"])
@pytest.mark.parametrize("data", [papers.docx(WORD), papers.pdf(WORD)], ids=["docx", "pdf"])
def test_documents_within_a_text_are_read(data: bytes, fold: str) -> None:
    coded = base64.b64encode(data).decode()
    lines = fold.join(coded[at : at + 76] for at in range(0, len(coded), 76))
    said = Segment("/messages/0/content", "user", f'{{"file": "{lines}"}} and so on')
    found = attach(replace(exchange(), segments=(said,)), FileLimits())
    assert found.segments[0] is said and any(WORD in s.text for s in found.segments[1:])
    assert found.inspection is Inspection.INSPECTED
    assert all(s.pointer.startswith(FILE) for s in found.segments[1:])


def test_words_that_look_like_the_beginning_of_a_document() -> None:
    said = Segment("/messages/0/content", "user", "A PDF begins with JVBERi in base64, gzip with H4sI.")
    one = replace(exchange(), segments=(said,))
    assert holds_files(said.text) and attach(one, FileLimits()).segments[0] is said
    assert attach(one, FileLimits()).inspection is not Inspection.FAILED


def test_many_documents_in_texts_take_linear_time() -> None:
    for piece in ("H4sI", "H4sI\n", "JVBERi" + "A" * 30 + "\n", "UEsDB ", "N3q8rycc\\n"):
        said = Segment("/x", "user", piece * (400_000 // len(piece)))
        within(2, lambda said=said: attach(replace(exchange(), segments=(said,)), FileLimits()))


@pytest.mark.parametrize(
    "data",
    [b"7z\xbc\xaf\x27\x1c" + b"\x00\x04" * 40, b"Rar!\x1a\x07\x01\x00" + bytes(80), papers.locked_zip(WORD)],
    ids=["7z", "rar", "locked"],
)
def test_what_nobody_here_can_open_is_unparsed(data: bytes) -> None:
    found = attach(exchange(Attachment("/x", data)), FileLimits())
    assert found.inspection is Inspection.UNPARSED and found.reason and found.attachments == ()


@pytest.mark.parametrize(
    "filler", ["", "Many words. " * 100, "Viele Wörter \ud800. " * 100], ids=["short", "long", "other"]
)
@pytest.mark.parametrize("start", ["JVBERi", "UEsDB", "0M8R4KGx", "H4sI", "N3q8rycc"])
def test_a_quick_look_sees_each_beginning_wherever_it_stands(start: str, filler: str) -> None:
    assert holds_files(filler + start + filler) and holds_files(filler + start) and holds_files(start + filler)
    assert not holds_files(filler + start[:-1] + " " + filler)
