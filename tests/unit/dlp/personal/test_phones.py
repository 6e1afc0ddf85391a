from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from weir.dlp.core.patterns import Deadline, Marked, OutOfTime
from weir.dlp.core.prefilter import Prefilter
from weir.dlp.personal.context import ContextWords
from weir.dlp.personal.phones import PhoneDetector

Locate = Callable[[str, bool], list[tuple[int, int]]]


def whole(text: str, _international: bool) -> list[tuple[int, int]]:
    return [(0, len(text))]


def phones(answer: Locate = whole, threshold: float = 0.5) -> tuple[PhoneDetector, ...]:
    context = ContextWords(["phone", "tel"])
    return tuple(
        PhoneDetector(
            severity="medium",
            threshold=threshold,
            context=context,
            locate=answer,
            beside_words=beside_words,
            cap=lambda value: 0.5 if "555-01" in value else 1.0,
        )
        for beside_words in (False, True)
    )


def found(subjects: tuple[PhoneDetector, ...], text: str) -> list[str]:
    spans = {(start, end) for subject in subjects for start, end, _ in subject.find(text, Deadline(60))}
    return [text[start:end] for start, end in sorted(spans)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+49 30 1234567", ["+49 30 1234567"]),
        ("(212) 555-0100", ["(212) 555-0100"]),
        ("212-555-0100 or 212.555.0101", ["212-555-0100", "212.555.0101"]),
        ("212 555 0100 212 555 0101", ["212 555 0100", "212 555 0101"]),
        ("06 12 34 56 78", ["06 12 34 56 78"]),
        ("020 7946 0958", ["020 7946 0958"]),
        ("(11) 91234-5678", ["(11) 91234-5678"]),
        ("phone=+49301234567", ["+49301234567"]),
        ("/v1/+49 30 1234567", ["+49 30 1234567"]),
        ("12345678", []),
        ("12345678 (phone)", ["12345678"]),
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
    assert found(phones(), text) == expected


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
    for subject in phones():
        with pytest.raises(OutOfTime):
            list(subject.find("phone +49 30 1234567", Deadline(0)))


@pytest.mark.parametrize("before", [*range(32_640, 32_700, 7), 65_530, 2 * 32_640])
def test_no_number_falls_between_windows(before: int) -> None:
    text = "." * (before - 1) + " 212-555-0100 " + "." * 40_000
    assert set(found(phones(), text)) == {"212-555-0100"}


def test_a_run_of_digits_without_end_stops_in_time() -> None:
    begin = time.thread_time()
    with pytest.raises(TimeoutError):
        list(phones()[0].find("0 " * 2_000_000, Deadline(0.05)))
    assert time.thread_time() - begin < 1.0


def test_scores() -> None:
    scores = {
        score
        for text in ("+49 30 1234567", "212-555-0100", "tel 12345678")
        for subject in phones()
        for *_, score in subject.find(text, Deadline(60))
    }
    assert scores == {0.6, 0.5, 0.75}
    assert found(phones(threshold=0.7), "+49 30 1234567") == []
    assert found(phones(threshold=0.7), "tel +49 30 1234567") == ["+49 30 1234567"]
    assert found(phones(threshold=0.9), "tel +49 30 1234567") == []


@pytest.mark.parametrize("number", ["+49 30 1234567", "212-555-0199", "12345678"])
def test_around_its_places_it_finds_the_same(number: str) -> None:
    text = "filler 12 " * 300 + f"phone {number} " + "filler 34 " * 300
    places = {"[": []}
    for subject in phones():
        source = subject.sources[0].pattern
        at = text.index("phone") + 5 if subject.beside_words else text.index(number) + len(number)
        marked = Marked(text, {**places, source: [at]})
        assert list(subject.find(marked, Deadline(60))) == list(subject.find(text, Deadline(1.0)))


def test_beside_words_there_must_be_digits_too() -> None:
    sure, beside = phones()
    items = Prefilter([sure.sources, beside.sources])
    assert items.hits("phone me about 12") == frozenset()
    located = items.locate(b"phone 555 01 99")
    assert located.items == {0, 1} and list(located.places[sure.sources[0].pattern]) == [15]


def test_names() -> None:
    assert {subject.name for subject in phones()} == {"pii/PHONE_NUMBER"}
    assert phones()[0].sources != phones()[1].sources
