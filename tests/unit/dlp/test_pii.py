from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from weir.dlp.patterns import Deadline, OutOfTime, compile_pattern
from weir.dlp.pii import ContextWords, EmailDetector, GroupedDetector, PatternDetector, PhoneDetector


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


def found(subject: PatternDetector | PhoneDetector, text: str) -> list[tuple[str, float]]:
    return [(text[start:end], score) for start, end, score in subject.find(text, Deadline(1.0))]


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
        ({"score": 0.1}, "1234 pin", []),
        ({"score": 0.1}, "pin" + " " * 130 + "1234", []),
        ({"needs_context": True, "validate": lambda _v: True}, "1234", []),
        ({"needs_context": True, "validate": lambda _v: True}, "pin 1234", [("1234", 1.0)]),
    ],
)
def test_scores(fields: dict[str, Any], text: str, expected: list[tuple[str, float]]) -> None:
    assert found(detector(**fields), text) == [(value, pytest.approx(score)) for value, score in expected]


def test_no_context_words_no_context() -> None:
    assert not ContextWords([]).before("pin 1234", 4)


def test_names_and_sources() -> None:
    subject = detector("(?i)abc")
    assert subject.name == "pii/X"
    assert subject.sources[0].pattern == "(?i)abc"


def test_grouped_tries_the_longest_end_first() -> None:
    def long_enough(value: str) -> bool:
        return value == "AB12"

    subject = detector("([A-Z]{2})([0-9]{2})?( [a-z]+)?", kind=GroupedDetector, validate=long_enough)
    assert found(subject, "AB12 days") == [("AB12", 1.0)]
    assert found(subject, "CD12 days") == []


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


def phones(answer: Callable[[str, bool], list[tuple[int, int]]] | None = None) -> PhoneDetector:
    def whole(text: str, _international: bool) -> list[tuple[int, int]]:
        return [(0, len(text))]

    context = ContextWords(["phone", "tel"])
    return PhoneDetector(severity="medium", threshold=0.5, context=context, locate=answer or whole)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+49 30 1234567", ["+49 30 1234567"]),
        ("(212) 555-0100", ["(212) 555-0100"]),
        ("212-555-0100 or 212.555.0101", ["212-555-0100", "212.555.0101"]),
        ("212 555 0100 212 555 0101", ["212 555 0100", "212 555 0101"]),
        ("06 12 34 56 78", ["06 12 34 56 78"]),
        ("020 7946 0958", ["020 7946 0958"]),
        ("12345678", []),
        ("phone: 12345678", ["12345678"]),
        ("2024-01-02 12:33:44", []),
        ("192.168.100.200", []),
        ("4111 1111 1111 1111", []),
        ("x212-555-0100", []),
        ("212-555-0100x", []),
        ("a/212-555-0100", []),
        ("3.14159265358", []),
    ],
)
def test_phone_shapes(text: str, expected: list[str]) -> None:
    assert [value for value, _ in found(phones(), text)] == expected


def test_what_the_library_does_not_know_is_no_number() -> None:
    assert found(phones(lambda _text, _international: []), "+49 30 1234567") == []


def test_a_number_with_a_country_code_is_asked_for_once() -> None:
    asked: list[bool] = []

    def note(text: str, international: bool) -> list[tuple[int, int]]:
        asked.append(international)
        return [(0, len(text))]

    found(phones(note), "+49 30 1234567 and (212) 555-0100")
    assert asked == [True, False]


def test_out_of_time_raises() -> None:
    for subject in (detector(), detector(EMAIL, kind=EmailDetector), phones()):
        with pytest.raises(OutOfTime):
            list(subject.find("1234 a@x.com +49 30 1234567", Deadline(0)))


@pytest.mark.parametrize("before", [*range(32_640, 32_700, 7), 65_530, 2 * 32_640])
def test_no_number_falls_between_windows(before: int) -> None:
    text = "." * (before - 1) + " 212-555-0100 " + "." * 40_000
    assert {value for value, _ in found(phones(), text)} == {"212-555-0100"}


def test_a_run_of_digits_without_end_stops_in_time() -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        list(phones().find("0 " * 2_000_000, Deadline(0.05)))
    assert time.monotonic() - begin < 1.0


def test_the_shape_is_what_the_prefilter_is_given() -> None:
    (source,) = detector("[0-9]{4}", shape="[0-9]").sources
    assert source.pattern == "[0-9]"
