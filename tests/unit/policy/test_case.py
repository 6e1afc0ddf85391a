"""What of a case can be edited, and whether it concerns AI."""

from __future__ import annotations

import pytest

from weir.model import Finding, Segment, Service
from weir.policy.case import Case


def finding(segment: int) -> Finding:
    return Finding("pii/EMAIL_ADDRESS", "pii", segment, 0, 1, 1.0)


@pytest.mark.parametrize(
    ("pointer", "editable"),
    [("/messages/0/content", True), ("/metadata/a name#key", False), ("#url", False), ("#raw", False), ("", False)],
)
def test_editable_by_pointer(pointer: str, editable: bool) -> None:
    assert Case(segments=(Segment(pointer, "user", "x"),)).editable(finding(0)) is editable


@pytest.mark.parametrize("segment", [-1, 1, 99])
def test_a_segment_that_is_not_there_cannot_be_edited(segment: int) -> None:
    assert not Case(segments=(Segment("/a", "user", "x"),)).editable(finding(segment))


def test_concerns_ai() -> None:
    assert not Case().concerns_ai
    assert Case(is_ai=True).concerns_ai
    assert Case(service=Service(id="openai")).concerns_ai


def test_repr_holds_no_text() -> None:
    assert "canary" not in repr(Case(segments=(Segment("/a", "user", "canary"),)))
