from __future__ import annotations

import pytest

from weir.dlp.core.patterns import compile_pattern
from weir.dlp.core.prefilter import Prefilter, Source
from weir.dlp.rulebook.near import NearPattern

BODY = compile_pattern(r"(?<![a-z0-9])[0-9a-f]{8}(?![a-z0-9])")
VALUE = "7a3f91c2"


def found(text: str, reach: int = 20, **given: int) -> list[tuple[int, int]]:
    return [match.span() for match in NearPattern(BODY, ["acme", "e.mail"], reach).finditer(text, timeout=1.0, **given)]


def test_all_in_reach_of_a_word_is_found_and_nothing_far_away() -> None:
    text = f"{VALUE} {'.' * 90} ACME key {VALUE} {'.' * 90} {VALUE} {'.' * 90} e.mail {VALUE}"
    places = [at for at in range(len(text)) if text.startswith(VALUE, at)]
    assert [start for start, _ in found(text)] == [places[1], places[3]]


def test_a_match_is_not_cut_where_the_stretch_ends() -> None:
    for gap in range(30):
        text = f"acme{'.' * gap}{VALUE}a{'.' * 40}"
        assert found(text) == []  # nine characters: the body does not match, wherever a stretch ends


def test_words_one_after_another_give_each_match_once() -> None:
    text = f"acme acme e.mail acme {VALUE} acme {VALUE}"
    assert len(found(text)) == 2


def test_a_text_whose_small_letters_are_more_is_searched_as_a_whole() -> None:
    assert len(found(f"İ {VALUE}")) == 1


def test_places_that_are_given_are_kept_to() -> None:
    text = f"acme {VALUE} {VALUE}"
    assert found(text, pos=10) == [(14, 22)]


def test_the_gate_is_the_words_alone() -> None:
    prefilter = Prefilter([[Source(NearPattern(BODY, ["acme", "e.mail"], 20).pattern)]])
    assert prefilter.hits("ACME") == {0} and prefilter.hits("E.MAIL") == {0}
    assert prefilter.hits(f"email {VALUE}") == frozenset()


@pytest.mark.parametrize("reach", [1, 5, 60])
def test_the_attributes_of_a_pattern(reach: int) -> None:
    pattern = NearPattern(BODY, ["acme"], reach)
    assert pattern.groups == BODY.groups and pattern.flags == BODY.flags and pattern.body is BODY
