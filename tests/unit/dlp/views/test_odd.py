from __future__ import annotations

import codecs
from itertools import pairwise

import pytest

from weir.dlp.views.gate import look
from weir.dlp.views.odd import SECRETS, pieces_of
from weir.dlp.views.view import Piece

KEY = "sk-proj-Ab1_Cd2-Ef3_Gh4-Ij5"


def pieces(text: str) -> list[Piece]:
    return list(pieces_of(text, look(text)))


WRITTEN = {
    "reversed": ("reversed", KEY[::-1]),
    "rot13": ("rot13", codecs.encode(KEY, "rot13")),
    "spaces": ("spaced", " ".join(KEY)),
    "dots": ("spaced", ".".join(KEY)),
    "lines": ("spaced", "\n".join(KEY)),
    "bars": ("spaced", "|".join(KEY)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_key_in_disguise_is_read(name: str) -> None:
    kind, written = WRITTEN[name]
    text = f"it is the one: {written}; and so on"
    (piece,) = pieces(text)
    assert (piece.kind, piece.categories) == (kind, SECRETS)
    assert KEY in piece.text
    at = piece.text.index(KEY)
    start, end = piece.spans.span(at, at + len(KEY))
    assert text[start:end] == written


@pytest.mark.parametrize(
    "text",
    [
        "tasks-ks and AIKA",
        "1 0 0 1 0 1 1 1 0 0 0 1 0 1 0 1 1 0",
        "a b c d e f",
        "x y.z x y.z x y.z x y.z x y.z x y.z x y.z x y.z x y.z",
        "| a | b | c | d |\n|---|---|---|---|",
        "effx-abc tuc_abc",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert pieces(text) == []


def test_the_word_before_does_not_take_part() -> None:
    (piece,) = pieces("this is " + " ".join(KEY))
    assert piece.text == KEY


def test_no_character_is_read_twice() -> None:
    found = pieces("AIKA" * 1000)
    spans = [piece.spans.span(0, len(piece.text)) for piece in found]
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
