"""What an edit leaves behind is struck out too."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from weir.dlp.standins.leftovers import strike_out
from weir.model import Finding, Segment

MAIL, OTHER = "pii/EMAIL_ADDRESS", "pii/IBAN_CODE"


def finder(pattern: str, detector: str = MAIL) -> tuple[list[int], object]:
    rounds: list[int] = []

    def rescan(segments: Sequence[Segment]) -> Sequence[Finding]:
        rounds.append(len(segments))
        return [
            Finding(detector, "pii", index, match.start(), match.end(), 1.0)
            for index, segment in enumerate(segments)
            for match in re.finditer(pattern, segment.text)
        ]

    return rounds, rescan


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("nothing left", "XX", "nothing left"),
        ("<A_1>b@x.com c", r"\w+@x\.com", "<A_1>[REDACTED:EMAIL_ADDRESS] c"),
        ("<A_1>@x.com c", r"1>@x\.com", "[REDACTED:EMAIL_ADDRESS] c"),
        ("a XX XX b", "XX", "a [REDACTED:EMAIL_ADDRESS] [REDACTED:EMAIL_ADDRESS] b"),
        ("key=[REDACTED:token]", r"\[REDACTED:token\]", "key=[REDACTED:token]"),
        ("key=[REDACTED:token]", r"REDACTED:token", "key=[REDACTED:token]"),
        ("<A_1><B_2>", r"_1><B", "<A_1><B_2>"),
        ("XaXa", "Xa|aX", "[REDACTED:EMAIL_ADDRESS][REDACTED:EMAIL_ADDRESS]"),
    ],
)
def test_striking_out(text: str, pattern: str, expected: str) -> None:
    segments = [Segment("/0", "user", "before the edit"), Segment("/1", "user", "XX stays: it was not edited")]
    _, rescan = finder(pattern)
    assert strike_out(segments, {"/0": text}, frozenset({MAIL}), rescan) == {"/0": expected}  # type: ignore[arg-type]


def test_again_until_nothing_is_left() -> None:
    rounds, rescan = finder("ab")
    segments = [Segment("/0", "user", "")]
    out = strike_out(segments, {"/0": "ab ab"}, frozenset({MAIL}), rescan)  # type: ignore[arg-type]
    assert "ab" not in out["/0"] and rounds == [1, 1]


def test_other_detectors_are_left_alone() -> None:
    _, rescan = finder("ab", OTHER)
    segments = [Segment("/0", "user", "")]
    assert strike_out(segments, {"/0": "ab"}, frozenset({MAIL}), rescan) == {"/0": "ab"}  # type: ignore[arg-type]


def test_what_never_ends_is_an_error_without_the_text() -> None:
    def rescan(segments: Sequence[Segment]) -> Sequence[Finding]:
        return [Finding(MAIL, "pii", 0, 0, len(segments[0].text) + 1, 1.0)]

    with pytest.raises(ValueError, match="could not be freed") as raised:
        strike_out([Segment("/0", "user", "")], {"/0": "canary"}, frozenset({MAIL}), rescan)
    assert "canary" not in str(raised.value)


def test_overlapping_spans_are_one() -> None:
    def rescan(segments: Sequence[Segment]) -> Sequence[Finding]:
        if "REDACTED" in segments[0].text:
            return []
        return [Finding(MAIL, "pii", 0, 2, 6, 1.0), Finding(MAIL, "pii", 0, 4, 8, 1.0)]

    out = strike_out([Segment("/0", "user", "")], {"/0": "0123456789"}, frozenset({MAIL}), rescan)
    assert out == {"/0": "01[REDACTED:EMAIL_ADDRESS]89"}
