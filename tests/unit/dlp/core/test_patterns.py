from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from weir.dlp.core import patterns
from weir.dlp.core.patterns import Deadline, Later, Marked, Match, OutOfTime, compile_pattern, stretches
from weir.dlp.core.reach import Reach


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


def spans(pattern: str, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in compile_pattern(pattern).finditer(text, timeout=5.0)]


@pytest.mark.parametrize(
    ("pattern", "text", "places"),
    [
        ("k[0-9]{3}", "k123 k456 " + "." * 50 + "k789", [2, 7, 64]),
        ("k[0-9]{1,3}(?![0-9])", "k12 k1234 k9", [2, 6, 12]),
        ("(?<![a-z])key(?![a-z])", "xkey key keys key", [4, 8, 12, 17]),
        ("(?<=id )[0-9]{4}$", "id 1234 id 5678", [7, 15]),
        (r"\b1\d{2}\b", "1111 1234 112 111", [3, 8, 13, 17]),
        ("aa", "aaaaa", [2, 3, 4, 5]),
        ("(?m)^ab", "ab\nab xab", [2, 5, 9]),
    ],
)
def test_run_around_its_places_a_pattern_matches_as_over_the_whole(pattern: str, text: str, places: list[int]) -> None:
    marked = Marked(text, {pattern: places})
    assert spans(pattern, marked) == spans(pattern, text) != []


def test_nothing_is_sought_where_no_place_is() -> None:
    assert spans("k[0-9]", Marked("k1 " + "." * 20 + "k2", {"k[0-9]": [2]})) == [(0, 2)]
    assert spans("k[0-9]", Marked("k1", {"other": [2]})) == [(0, 2)]  # its places are not known
    assert spans("k[0-9]+", Marked("k1 k2", {"k[0-9]+": [2]})) == [(0, 2), (3, 5)]  # it has no bound


def test_an_own_window_is_kept() -> None:
    marked = Marked("k1 k2 k3", {"k[0-9]": []})
    assert [m.span() for m in compile_pattern("k[0-9]").finditer(marked, pos=2, endpos=5)] == [(3, 5)]


def test_slices_of_a_marked_text_are_plain() -> None:
    marked = Marked("abc", {"b": [2]})
    assert marked == "abc" and type(marked[1:]) is str


def test_a_search_around_places_has_one_deadline_for_all_of_them() -> None:
    class Slow:
        pattern, flags, groups = "k", 0, 0

        def finditer(self, *_: object, timeout: float, **__: object) -> Iterator[Match]:
            given.append(timeout)
            time.sleep(0.02)
            return iter(())

    given: list[float] = []
    slow = patterns._Reaching(Slow(), Reach(1, 1))  # type: ignore[arg-type]
    with pytest.raises(OutOfTime):
        list(slow.finditer(Marked("." * 1000, {"k": range(0, 1000, 100)}), timeout=0.05))
    assert len(given) < 5 and given == sorted(given, reverse=True)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], []),
        ([0], [(0, 3)]),
        ([10, 12, 30], [(8, 15), (28, 33)]),
        ([10, 15, 16], [(8, 19)]),
        ([99], [(97, 100)]),
    ],
)
def test_stretches(places: list[int], expected: list[tuple[int, int]]) -> None:
    assert list(stretches(Marked("x" * 100, {"p": places}), "p", 2, 3)) == expected


def test_without_places_the_whole_is_one_stretch() -> None:
    assert list(stretches("abc", "p", 2, 3)) == list(stretches(Marked("abc", {}), "p", 2, 3)) == [(0, 3)]


def test_a_later_pattern_is_compiled_when_it_is_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    real = patterns.compile_pattern
    monkeypatch.setattr(patterns, "compile_pattern", lambda source: compiled.append(source) or real(source))
    later = Later("(a)b{1,3}")
    assert later.pattern == "(a)b{1,3}" and not compiled
    at_once = real("(a)b{1,3}")
    for text in ("xabbx", Marked("xabbx", {"(a)b{1,3}": [4]}), "nothing"):
        assert [m.span() for m in later.finditer(text)] == [m.span() for m in at_once.finditer(text)]
    assert (later.groups, later.flags) == (at_once.groups, at_once.flags)
    assert later.ready() is later.ready() and compiled == ["(a)b{1,3}"]
