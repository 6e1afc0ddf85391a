from __future__ import annotations

import time

import pytest

from weir.dlp import patterns
from weir.dlp.patterns import Deadline, OutOfTime, compile_pattern


def test_finditer_gives_spans() -> None:
    match = next(compile_pattern(r"a(b)?").finditer("xab", timeout=1.0))
    assert (match.span(), match.span(1), match.start(), match.end()) == ((1, 3), (2, 3), 1, 3)


def test_a_search_out_of_time_raises() -> None:
    pattern = compile_pattern(r"([a.]|[a.][a.]*[a.])@")
    with pytest.raises(TimeoutError):
        list(pattern.finditer("a." * 10_000 + " @", timeout=0.05))


def test_a_bad_pattern_is_a_value_error_with_a_position() -> None:
    with pytest.raises(ValueError, match="position"):
        compile_pattern("(")


def test_flags_are_those_of_re() -> None:
    assert (patterns.IGNORECASE, patterns.MULTILINE, patterns.DOTALL) == (2, 8, 16)


def test_deadline_counts_processor_time_and_raises() -> None:
    deadline = Deadline(0.02)
    assert 0 < deadline.left() <= 0.02
    end = time.thread_time() + 0.03
    while time.thread_time() < end:
        pass
    with pytest.raises(OutOfTime):
        deadline.left()
