"""The page's parts: figures for people, tables that read without a script."""

from __future__ import annotations

from datetime import datetime

import pytest

from harness.htmltree import Tree
from weir.reports.shadow.page_parts import Cell, Column, Grid, amount, badge, chips, meter, sent, spark, text, when


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_900, "99.9 kB"), (99_960, "100 kB"), (1_234_567, "1.2 MB"),
     (2_500_000_000, "2.5 GB"), (7 * 10**15, "7,000 TB")],
)  # fmt: skip
def test_bytes_are_in_powers_of_ten(size: int, said: str) -> None:
    assert amount(size) == said


def test_what_nobody_counted_is_not_0_bytes() -> None:
    assert "–" in sent(0)
    assert sent(1_000) == "1.0 kB"


def test_text_is_one_harmless_line() -> None:
    assert text("a<b>\"'&\n\u202e\x07") == "a&lt;b&gt;&quot;&#x27;&amp; \ufffd\ufffd"


def test_times() -> None:
    assert when(datetime(2026, 1, 2, 3, 4, 5)) == "<time>2026-01-02</time> 03:04"
    assert "–" in when(None)


def test_a_status_has_a_sign_and_a_word() -> None:
    assert 'class="badge unsanctioned"' in badge("unsanctioned") and "✕" in badge("unsanctioned")
    strange = badge('x" onclick="')
    assert 'class="badge unknown odd"' in strange and "x&quot;" in strange


@pytest.mark.parametrize(
    ("score", "level", "width"), [(0, "low", 0), (40, "middle", 40), (70, "high", 70), (140, "high", 100)]
)
def test_a_meter(score: int, level: str, width: int) -> None:
    html = meter(score)
    assert f'class="meter {level}"' in html and f'width="{width}"' in html and f">{score}<" in html


def test_a_trend_is_a_line_and_a_sentence() -> None:
    html = spark([0, 5, 10])
    assert 'd="M-3 27L0 22l50 -10l50 -10L103 27"' in html
    assert 'aria-label="from 0 to 10 a day, at most 10"' in html
    for nothing in ([], [3], [0, 0, 0]):
        assert "svg" not in spark(nothing)


def test_a_long_trend_is_thinned() -> None:
    html = spark(list(range(365)))
    assert html.count("l3 ") + html.count("l4 ") == 30 and "at most 364" in html


def test_names_fold_and_the_loud_come_first() -> None:
    few = Tree(chips(["a", "b", "a"], ["b"]))
    assert few.text == "✕ b (not approved) a" and not few.named("details")
    many = Tree(chips([f"n{at}" for at in range(10)]))
    assert "4 more" in many.text and many.wrong == [] and many.text.index("n5") < many.text.index("4 more")
    assert "–" in chips([])


GRID = Grid(
    "g", "A <table>", (Column("Name"), Column("Size", number=True), Column("Trend", sorts=False)),
    [(f"row {at}", Cell(f"{at} kB", at * 1000), "") for at in range(9)], shown=4, anchors=[f"s{at}" for at in range(9)],
    most=7,
)  # fmt: skip


def test_a_long_table_is_in_two_and_says_what_it_leaves_out() -> None:
    html = "".join(GRID.html())
    tree = Tree(html)
    assert tree.wrong == [] and len(tree.named("table")) == 2 and len(tree.named("tr")) == 2 + 7
    assert "3 more" in tree.text and "The first 7 of 9" in tree.text and "--format json" in tree.text
    assert tree.text.startswith("A <table>") and '<tr id="s6">' in html
    assert '<td class=n data-v="3000">3 kB</td>' in html
    assert [attrs.get("scope") for attrs in tree.named("th")].count("row") == 7
    assert "data-still" in tree.named("th")[2]


def test_a_card_says_what_its_figures_are() -> None:
    assert GRID.css() == '.g td:nth-child(2):before{content:"Size"}\n.g td:nth-child(3):before{content:"Trend"}\n'
