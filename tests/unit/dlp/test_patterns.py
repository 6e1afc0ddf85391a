from __future__ import annotations

import time
from collections.abc import Callable

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


def test_deadline_raises_when_it_is_used_up() -> None:
    now = 100.0
    deadline = Deadline(0.5, lambda: now)
    assert deadline.left() == 0.5
    now += 0.4
    assert deadline.left() == pytest.approx(0.1)
    now += 0.1
    with pytest.raises(OutOfTime):
        deadline.left()


@pytest.mark.parametrize(("seconds", "clock"), [(10.0, time.monotonic), (10.0, time.thread_time)])
def test_deadline_takes_either_clock(seconds: float, clock: Callable[[], float]) -> None:
    assert 0 < Deadline(seconds, clock).left() <= seconds


def test_deadline_is_wall_time_unless_told_otherwise() -> None:
    assert Deadline.__init__.__defaults__ == (time.monotonic,)


def test_a_deadline_within_another_never_outlasts_it() -> None:
    now = 100.0
    whole = Deadline(0.5, lambda: now)
    part = Deadline(0.2, lambda: now, within=whole)
    longer = Deadline(2.0, lambda: now, within=whole)
    assert (part.left(), longer.left()) == (pytest.approx(0.2), 0.5)
    now += 0.3
    assert (part.spent(), longer.spent(), whole.spent()) == (True, False, False)
    now += 0.2
    assert longer.spent() and whole.spent()
    with pytest.raises(OutOfTime):
        longer.left()
