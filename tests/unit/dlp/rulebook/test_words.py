from __future__ import annotations

import time

import pytest

from weir.dlp.core.prefilter import Prefilter, Source
from weir.dlp.rulebook.examples import expand
from weir.dlp.rulebook.words import WordPattern, word_problem


def found(words: list[str], text: str, case: bool = False) -> list[str]:
    return [text[match.start() : match.end()] for match in WordPattern(words, case).finditer(text, timeout=5.0)]


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (["falcon"], "Falcon FALCON falcons subfalcon falcon", ["Falcon", "FALCON", "falcon"]),
        (["falcon"], "falcon_api, my-falcon/x", ["falcon", "falcon"]),
        (["Blue Heron"], "blue heron blue-heron BLUE_HERON blue\n heron blue  x heron blueheron", None),
        (["blue", "blue heron"], "blue heron, blue sky", ["blue heron", "blue"]),
        (["C++", ".NET", "R&D"], "c++ and ASP.NET for r&d", ["c++", ".NET", "r&d"]),
        (["Müller"], "MÜLLER müllers Müller", ["MÜLLER", "Müller"]),
        (["東京"], "新東京駅 and 東京", ["東京", "東京"]),
        (["falcon"], "", []),
    ],
)
def test_whole_words(words: list[str], text: str, expected: list[str] | None) -> None:
    expected = ["blue heron", "blue-heron", "BLUE_HERON", "blue\n heron"] if expected is None else expected
    assert found(words, text) == expected


def test_case() -> None:
    assert found(["ACE"], "ace Ace ACE", case=True) == ["ACE"]


def test_nothing_falls_between_two_stretches() -> None:
    head = "lorem ipsum " * 5460
    for shift in range(0, 40, 3):
        text = head + "." * shift + " blue heron " + head
        assert found(["blue heron"], text) == ["blue heron"]


def test_an_end_that_is_given() -> None:
    pattern = WordPattern(["falcon"])
    assert [match.span() for match in pattern.finditer("falcon falcon falcon", pos=3, endpos=15)] == [(7, 13)]


def test_out_of_time_raises() -> None:
    with pytest.raises(TimeoutError):
        list(WordPattern(["falcon"]).finditer("a b " * 100_000, timeout=0.0))


@pytest.mark.parametrize(
    ("word", "fits"),
    [("ok", True), ("C++", True), ("+", False), ("++", False), ("x", False), ("x" * 101, False), ("a b", True)],
)
def test_what_may_be_an_entry(word: str, fits: bool) -> None:
    assert (word_problem(word) == "") is fits


def test_a_short_list_has_a_gate_and_a_long_one_is_run_on_every_text() -> None:
    short = Prefilter([[Source(WordPattern(["Blue Heron", "falcon"]).pattern)]])
    assert not short.always and short.hits("BLUE-HERON") == {0} and short.hits("blue whale") == frozenset()
    long = Prefilter([[Source(WordPattern([expand("{lower:9}", str(n)) for n in range(3000)]).pattern)]])
    assert long.always == {0}


def test_thousands_of_words_cost_little_more_than_one() -> None:
    words = [expand("{lower:9}", str(number)) for number in range(5000)]
    text = "some text of ordinary words in which none of the list stands " * 1600
    pattern = WordPattern([*words, "zebra finch"])
    begin = time.thread_time()
    assert [match.span() for match in pattern.finditer(text + "zebra finch")] == [(len(text), len(text) + 11)]
    assert time.thread_time() - begin < 0.25  # an alternation takes more than half a second
