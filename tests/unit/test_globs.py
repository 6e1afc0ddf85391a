"""Globs in limits."""

from __future__ import annotations

import pytest

from weir.globs import fits


@pytest.mark.parametrize(
    ("word", "patterns", "expected"),
    [
        ("gpt-5-mini", ("gpt-5*",), True),
        ("GPT-5", ("gpt-5",), True),
        ("gpt-5-mini", ("gpt-5",), False),
        ("my-gpt-5", ("gpt-5*",), False),
        ("", ("*",), True),
        ("", ("a*",), False),
        ("b", ("a", "b"), True),
        ("two\nlines", ("two*",), True),
        ("a", (), False),
    ],
)
def test_globs(word: str, patterns: tuple[str, ...], expected: bool) -> None:
    assert fits(word, patterns) is expected
