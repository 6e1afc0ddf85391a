from __future__ import annotations

import pytest

from weir.dlp.views.view import SEPARATOR, Parts, Piece, Straight, View, Whole, pool


def test_origins_are_composed_down_to_the_text() -> None:
    inner = View("cdefgh", "one", Straight(2))
    outer = View("fg", "two", Straight(3), inner)
    assert outer.origin(0, 2) == (5, 7)


def test_what_was_compressed_comes_from_all_of_its_stretch() -> None:
    assert View("abc", "gzip", Whole(10, 20)).origin(1, 2) == (10, 20)


@pytest.mark.parametrize(
    ("start", "end", "origin"), [(0, 2, (10, 12)), (1, 4, (11, 31)), (3, 5, (30, 32)), (2, 3, (11, 12))]
)
def test_parts_follow_each_other(start: int, end: int, origin: tuple[int, int]) -> None:
    spans = Parts((0, 3), (2, 2), (Straight(10), Straight(30)))  # the third character lies between the two
    assert spans.span(start, end) == origin


def test_one_piece_is_a_view_by_itself() -> None:
    view = pool([Piece("hex", "abc", Straight(4))], "hex", None)
    assert (view.text, view.kind, view.categories, view.origin(0, 3)) == ("abc", "hex", (), (4, 7))


def test_pieces_stand_apart_in_a_view() -> None:
    view = pool([Piece("x", "abc", Straight(4)), Piece("x", "def", Straight(40))], "y>x", None)
    assert view.text == f"abc{SEPARATOR}def" and view.kind == "y>x"
    assert view.origin(0, 3) == (4, 7)
    at = view.text.index("def")
    assert view.origin(at, at + 3) == (40, 43)


def test_categories_are_kept_by_what_is_read_in_a_view() -> None:
    base = pool([Piece("reversed", "abc", Straight(0), ("secret",))], "reversed", None)
    assert pool([Piece("hex", "b", Straight(1))], "reversed>hex", base).categories == ("secret",)
    assert View("b", "normal", Straight(1)).over(base).categories == ("secret",)


def test_no_repr_shows_a_text() -> None:
    piece = Piece("hex", "canary-text", Straight(0))
    assert "canary" not in repr(piece) + repr(pool([piece], "hex", None))
