from __future__ import annotations

import re

import pytest

from weir.dlp.core.reach import REACH_CHARS_MAX, Reach, reach_of


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("abc", Reach(3, 1)),
        ("a{2,5}b?", Reach(6, 1)),
        (r"\bkey_[0-9]{12}\b", Reach(16, 1)),
        ("(?<![a-z])k(?![a-z])", Reach(1, 3)),
        ("k(?:x(?=abc)|y(?!de)){2}", Reach(3, 6)),
        ("k(?=a(?=bc))", Reach(1, 4)),
        ("(a)(b)?(?(2)c(?=dd)|e)", Reach(3, 3)),
        ("(?>ab(?=c))", Reach(2, 2)),
        (r"(a{3})\1", Reach(6, 1)),
        ("a+", None),
        (r"a\s*b", None),
        ("k(?=.*x)", None),
        (f"a{{{REACH_CHARS_MAX + 1}}}", None),
        (r"\p{L}", None),
        ("(", None),
    ],
)
def test_reach(pattern: str, expected: Reach | None) -> None:
    assert reach_of(pattern) == expected


def test_flags_are_read_with_it() -> None:
    assert reach_of("a b", re.VERBOSE) == Reach(2, 1)
