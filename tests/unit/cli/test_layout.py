"""Where names are broken, how wide columns are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from weir.cli.layout import fits, row_lines, whole_widths, widths, wrap


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("secret/github-personal-access-token", 14, ["secret/github-", "personal-", "access-token"]),
        ("no-credentials-leave", 12, ["no-", "credentials-", "leave"]),
        ("pii/EMAIL_ADDRESS", 10, ["pii/EMAIL_", "ADDRESS"]),
        ("claude-opus-4-1-20250805", 20, ["claude-", "opus-4-1-20250805"]),
        ("2026-01-02 08:05", 12, ["2026-01-02", "08:05"]),
        ("1234.567891", 6, ["1234.5", "67891"]),
        ("ann@corp.example", 10, ["ann@corp.", "example"]),
        ("name that with --policy", 19, ["name that with", "--policy"]),
        ("two words", 9, ["two words"]),
        ("two words", 5, ["two", "words"]),
        ("a\nb", 5, ["a", "b"]),
        ("漢字漢字", 4, ["漢字", "漢字"]),
        ("", 5, [""]),
    ],
)
def test_wrap(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


@given(st.text(st.sampled_from("ab/-_. 1漢\n"), max_size=60), st.integers(2, 20))
def test_wrapping_loses_only_blanks_and_stays_within(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width and line == line.rstrip() for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_widths() -> None:
    columns = [["name", "secret/github-token"], ["n", "1234"]]
    assert widths(columns, 80) == [19, 4]
    assert widths(columns, 15) == [9, 4], "the number stays whole, the name is broken at a joint"
    assert widths(columns, 8) == [3, 3], "no room for words: each its share"
    assert widths([["a"], ["b"]], 1) == [1, 1]
    assert fits(columns, 13) and not fits(columns, 12)


@given(st.lists(st.lists(st.text("ab-/ 1", max_size=30), min_size=2, max_size=4), min_size=1, max_size=6))
def test_widths_stay_within_the_room(columns: list[list[str]]) -> None:
    assert sum(widths(columns, 40)) + 2 * (len(columns) - 1) <= 40


@pytest.mark.parametrize(("room", "last"), [(80, 40), (60, 38), (20, 30)])
def test_only_the_last_column_gives_way(room: int, last: int) -> None:
    assert whole_widths([["a/long-name-of-many!"], ["x" * 40]], room) == [20, min(last, 40)]
    assert whole_widths([["one"], ["two"]], 1) == [3, 3]


def test_a_row_has_no_blanks_at_its_ends() -> None:
    assert row_lines(["a-b", "1", ""], [2, 3, 4], [False, True, False]) == ["a-    1", "b"]
