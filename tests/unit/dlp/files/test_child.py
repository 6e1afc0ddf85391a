from __future__ import annotations

import io
import json

import pytest

from harness import papers
from weir.dlp.files.child import SIZE, packed, serve, unpacked
from weir.dlp.files.job import FileText, FileTexts

WORD = "alder-brook-4711-cedar"


def order(data: bytes, **changes: object) -> bytes:
    asked = {"name": "", "media_type": "", "size": len(data), "seconds": 5.0, "bytes_max": 1 << 20, "depth_max": 3}
    head = json.dumps({**asked, "members_max": 10, **changes}).encode()
    return SIZE.pack(len(head)) + head + data


def answers(asked: bytes) -> list[FileTexts]:
    out = io.BytesIO()
    serve(io.BytesIO(asked), out)
    found, data, at = [], out.getvalue(), 0
    while at < len(data):
        (size,) = SIZE.unpack(data[at : at + SIZE.size])
        at += SIZE.size + size
        found.append(unpacked(data[at - size : at]))
    return found


def test_one_file_after_the_other_until_there_are_no_more() -> None:
    first, second = answers(order(papers.docx(WORD)) + order(b"x" * 10, bytes_max=1))
    assert any(WORD in text.text for text in first.texts) and first.kind == "docx"
    assert second.kind == "text"
    assert answers(b"") == []


def test_results_survive_the_way() -> None:
    result = FileTexts((FileText("a", "\u00e4\n\U0001f600"),), "zip", False, "why", True, 7)
    assert unpacked(packed(result)) == result
    assert unpacked(packed(FileTexts((FileText("a", "\ud83d"),)))).texts[0].text.encode()


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"texts": [1]}'])
def test_nonsense_is_no_result(data: bytes) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        unpacked(data)


def test_what_is_not_said_is_not_taken_for_good() -> None:
    value = json.loads(packed(FileTexts()))
    assert unpacked(json.dumps({**value, "complete": 1, "failed": 0}).encode()).failed
    assert not unpacked(json.dumps({**value, "complete": 1}).encode()).complete
