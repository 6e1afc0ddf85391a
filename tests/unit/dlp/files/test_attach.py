from __future__ import annotations

import pytest

from harness import papers
from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits, attach
from weir.dlp.files.attach import FILE
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
