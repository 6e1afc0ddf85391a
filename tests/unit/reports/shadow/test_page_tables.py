"""People, teams, credentials, blind spots, hints and coverage as tables."""

from __future__ import annotations

from dataclasses import replace

from harness.htmltree import Tree
from harness.shadowsample import MADE, sample
from weir.reports.shadow import page_tables
from weir.reports.shadow.model import Person, ShadowReport
from weir.reports.shadow.page_parts import Cell, Grid

REPORT = sample()


def words(grid: Grid) -> str:
    tree = Tree("".join(grid.html()))
    assert tree.wrong == []
    return tree.text


def test_people_have_services_by_name_and_the_unsanctioned_first() -> None:
    text = words(page_tables.people(REPORT))
    assert "mara.lindqvist@fjordline.example" in text and "device 10.20.4.17" in text
    assert "✕ ChatGPT (not approved)" in text and "github-copilot" not in text


def test_teams_add_up() -> None:
    grid = page_tables.teams(REPORT)
    assert sum(int(str(row[1])) for row in grid.rows) == len(REPORT.people)
    sent = [row[4].key for row in grid.rows if isinstance(row[4], Cell)]
    assert sent == sorted(sent, key=lambda size: -int(size or 0))
    assert sum(int(size or 0) for size in sent) == sum(one.bytes_up for one in REPORT.people)
    assert "no team" in words(grid)


def test_many_people_are_cut_and_it_says_so() -> None:
    people = tuple(Person(f"p{at}", "", (), (), 1, 1, 0, None) for at in range(501))
    assert "The first 500 of 501" in words(page_tables.people(replace(REPORT, people=people)))


def test_credentials_blind_spots_and_hints() -> None:
    keys = words(page_tables.credentials(REPORT))
    assert "7c1f09ab" in keys and "api key" in keys and "marek.zielinski@fjordline.example" in keys
    blind = words(page_tables.blind(REPORT))
    assert "ws.chatgpt.com" in blind and "trusts only its own certificates" in blind and "3,980" in blind
    hints = words(page_tables.hints(REPORT))
    assert hints.count(" hint") == len(REPORT.hints) and "Hints, not facts" in hints


def test_coverage_is_a_bar_and_shares() -> None:
    html = "".join(page_tables.coverage(REPORT))
    tree = Tree(html)
    assert tree.wrong == [] and "214,380" in tree.text and "50.3 %" in tree.text
    assert sum(float(attrs["width"] or 0) for attrs in tree.named("rect") if attrs["height"] == "18") > 980


def test_a_word_that_is_not_known_stays_a_word() -> None:
    html = "".join(page_tables.coverage(replace(REPORT, coverage=(('x"><b>', 3),))))
    assert Tree(html).wrong == [] and "<b>" not in html and 'class="c-other0"' in html
    nothing = ShadowReport(made=MADE, since=None, until=MADE, coverage=(("inspected", 0),))
    assert list(page_tables.coverage(nothing)) == []
