from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weir.dlp.core.patterns import Deadline, Marked, OutOfTime, compile_pattern
from weir.dlp.core.prefilter import Prefilter
from weir.dlp.personal.context import ContextWords
from weir.dlp.personal.pii import BesideWords, EmailDetector, PatternDetector


def nothing(_value: str) -> bool | None:
    return None


def detector(
    regex: str = "[0-9]{4}",
    score: float = 0.6,
    validate: Callable[[str], bool | None] = nothing,
    invalidate: Callable[[str], bool | None] = nothing,
    kind: type[PatternDetector] = PatternDetector,
    **fields: Any,
) -> PatternDetector:
    return kind(
        entity="X",
        severity="medium",
        threshold=0.5,
        pattern=compile_pattern(regex),
        score=score,
        context=ContextWords(["pin", "code word"]),
        validate=validate,
        invalidate=invalidate,
        **fields,
    )


def found(subject: PatternDetector | BesideWords, text: str) -> list[tuple[str, float]]:
    return [(text[start:end], score) for start, end, score in subject.find(text, Deadline(60))]


@pytest.mark.parametrize(
    ("fields", "text", "expected"),
    [
        ({}, "1234 and 5678", [("1234", 0.6), ("5678", 0.6)]),
        ({"validate": lambda _v: True}, "1234", [("1234", 1.0)]),
        ({"validate": lambda _v: False}, "1234", []),
        ({"invalidate": lambda v: v == "1234"}, "1234 5678", [("5678", 0.6)]),
        ({"invalidate": lambda _v: False}, "1234", [("1234", 0.6)]),
        ({"score": 0.1}, "1234", []),
        ({"score": 0.1}, "PIN: 1234", [("1234", 0.5)]),
        ({"score": 0.4}, "code word 1234", [("1234", 0.75)]),
        ({"score": 0.1}, "spin 1234", []),
        ({"score": 0.1}, "1234 pin", [("1234", 0.5)]),
        ({"score": 0.1}, "1234\npin", []),
        ({"doubtful": lambda _t, _s, _e: True}, "1234", []),
        ({"doubtful": lambda _t, _s, _e: True}, "pin 1234", [("1234", 0.95)]),
        ({"excluded": lambda _t, start, _e: start == 0}, "1234 5678", [("5678", 0.6)]),
        ({"cap": lambda value: 0.5 if value == "1234" else 0.4}, "1234 5678", [("1234", 0.5)]),
        ({"score": 0.1}, "pin" + " " * 130 + "1234", []),
        ({"needs_context": True, "validate": lambda _v: True}, "1234", []),
        ({"needs_context": True, "validate": lambda _v: True}, "pin 1234", [("1234", 1.0)]),
    ],
)
def test_scores(fields: dict[str, Any], text: str, expected: list[tuple[str, float]]) -> None:
    assert found(detector(**fields), text) == [(value, pytest.approx(score)) for value, score in expected]


def test_names_and_sources() -> None:
    subject = detector("(?i)abc")
    assert subject.name == "pii/X"
    assert subject.sources[0].pattern == "(?i)abc"


EMAIL = r"\b[\w.]*[\w]@\w+(?:\.\w+)+\b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to a@x.com, b.c@y.co.uk", ["a@x.com", "b.c@y.co.uk"]),
        ("@ @@ a@b", []),
        ("a@x.com@y.com", ["a@x.com"]),
        ("a." * 20_000 + "b@x.com", ["." + "a." * 31 + "b@x.com"]),
    ],
)
def test_addresses_are_sought_around_every_at(text: str, expected: list[str]) -> None:
    assert [value for value, _ in found(detector(EMAIL, kind=EmailDetector), text)] == expected


def test_out_of_time_raises() -> None:
    for subject in (detector(), detector(EMAIL, kind=EmailDetector)):
        with pytest.raises(OutOfTime):
            list(subject.find("1234 a@x.com", Deadline(0)))


def test_the_shape_is_what_the_prefilter_is_given() -> None:
    (source,) = detector("[0-9]{4}", shape="[0-9]").sources
    assert source.pattern == "[0-9]"


@pytest.mark.parametrize(
    ("fields", "beside"),
    [
        ({}, False),
        ({"score": 0.1}, False),  # its check may prove it
        ({"score": 0.1, "proves": False}, True),
        ({"needs_context": True}, True),
    ],
)
def test_what_needs_a_word_is_sought_by_its_words(fields: dict[str, Any], beside: bool) -> None:
    subject = detector(**fields)
    assert subject.beside_words is beside
    assert ("pin" in subject.sources[0].pattern) is beside


@pytest.mark.parametrize("gap", [0, 1, 60, 110, 130, 300])
def test_near_its_words_a_pattern_finds_what_it_finds_everywhere(gap: int) -> None:
    subject = detector(r"\b[0-9]{4}\b", score=0.1, needs_context=True)
    text = "x 9999 " * 200 + "1234" + "." * gap + " pin " + "." * gap + " 5678 " + "x 9999 " * 200
    places = [place + 3 for place in range(len(text)) if text.startswith("pin", place)]
    marked = Marked(text, {subject.sources[0].pattern: places})
    assert found(subject, marked) == found(subject, text)


def test_patterns_that_refer_back_are_not_read_as_one() -> None:
    both = BesideWords((detector("([0-9])\\1{3}", needs_context=True), detector("([a-f])\\1{3}", needs_context=True)))
    assert both.sources == both.members[0].sources
    assert found(both, "pin 1111 aaaa") == [("1111", 0.95), ("aaaa", 0.95)]


def test_blanks_beside_the_sign_are_no_address() -> None:
    mail = detector(r"[\w.]+@\w+\.\w+", kind=EmailDetector)
    text = "@staticmethod\n @a.b\tx@ y.z bob@acme.com, at @ amy@acme.com"
    assert [value for value, _ in found(mail, text)] == ["bob@acme.com", "amy@acme.com"]


def test_an_entitys_patterns_stand_behind_one_search_for_its_words() -> None:
    both = BesideWords(
        (detector("[0-9]{4}", needs_context=True), detector("[a-f]{4}", needs_context=True, validate=lambda _v: True))
    )
    assert (both.name, both.entity, both.severity) == ("pii/X", "X", "medium")
    words, shapes = both.sources
    assert (words,) == both.members[0].sources and Prefilter([[shapes]]).always == frozenset()
    items = Prefilter([both.sources])
    assert (items.hits("pin 12 abc"), items.hits("pin 1234"), items.hits("1234")) == (frozenset(), {0}, frozenset())
    assert found(both, "pin 1234 abcd") == [("1234", 0.95), ("abcd", 1.0)]
    assert found(both, "1234 abcd") == []
