"""What a value is reduced to, and how a text falls into tokens."""

from __future__ import annotations

import pytest

from weir.dlp.exact.exacttext import leading_words, reduced, spelled, tokens, weight


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("DE89 3704 0044", "de8937040044"),
        ("de89-3704.0044", "de8937040044"),
        ("C-1234567", "c1234567"),
        ("+49 (30) 12 34", "49301234"),
        ("Jane Q. Public", "janeQPublic"),
        ("JANE   Q PUBLIC", "janeQPublic"),
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),
        ("Anna-Maria Huber", "annaMariaHuber"),
        ("José  Müller", "joseMuller"),
        ("Jose\u0301", "jose"),
        ("Пётр Иванов", "петриванов"),
        ("１２３４５６", "123456"),
        ("١٢٣٤٥٦", "123456"),
        ("王小明", "王小明"),
        ("zero\u200bwidth", "zerowidth"),
        (" -./", ""),
        ("", ""),
    ],
)
def test_a_value_is_reduced(value: str, expected: str) -> None:
    assert reduced(value) == expected.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jane Q. Public", ["jane", "q", "public"]),
        ("id=C1234567;", ["id", "c1234567"]),
        ("a_b", ["a", "b"]),
        ("王小", ["王", "小"]),
        ("Jose\u0301 x", ["jose", "x"]),
        ("…", []),
        ("", []),
    ],
)
def test_a_text_falls_into_tokens(text: str, expected: list[str]) -> None:
    found = tokens(text)
    whole = spelled(found.symbols)
    pieces = [whole[start:end] for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True)]
    assert [piece.decode() if isinstance(piece, bytes) else piece for piece in pieces] == expected


@pytest.mark.parametrize("extra", ["", "é"], ids=["ascii", "unicode"])
@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("a b", True),
        ("a, b", True),
        ("a\nb", True),
        ("a    b", False),
        ("1 2", True),
        ("1) 2", True),
        ("1,2", False),
        ("1\n2", False),
        ("1, b", True),
    ],
)
def test_what_may_stand_between_the_tokens_of_a_value(text: str, joined: bool, extra: str) -> None:
    assert tokens(text + extra).joined.tolist() == [joined]


def test_words_are_marked_where_they_begin_but_not_after_an_apostrophe() -> None:
    assert spelled(tokens("the o'brien case-law é").marked()) == "theObrienCaseLawE"


def test_places_lead_back_to_the_text() -> None:
    text = "« Zoë 42 »"
    found = tokens(text)
    assert [text[place] for place in found.places.tolist()] == list("Zoë42")
    assert found.digits.tolist() == [0, 0, 0, 0, 1, 2]


def test_an_ideograph_weighs_twice() -> None:
    assert (weight(b"abc"), weight("王小明".encode())) == (3, 6)


@pytest.mark.parametrize(
    ("value", "expected"), [("Jane Q. Public", 3), ("12 Main Street", 0), ("Main Street 12", 2), ("王小明", 4)]
)
def test_words_that_a_value_begins_with_are_counted_from_above(value: str, expected: int) -> None:
    assert leading_words(value, 0) == expected
    assert leading_words(value, 50) == 50 if value.isascii() else True
