"""The tables of services: the report's order, reasons beside the score, everything that has no column in the fold."""

from __future__ import annotations

from dataclasses import replace

from harness.htmltree import Tree
from harness.shadowsample import MADE, sample
from weir.reports.shadow.model import Service, ShadowReport
from weir.reports.shadow.page_services import anchors, new, services

BARE = ShadowReport(made=MADE, since=None, until=MADE, services=(Service("only.example", ""),))


def test_services_stand_in_the_report_s_order() -> None:
    report = sample()
    html = "".join(services(report).html())
    places = [html.index(f'<tr id="s{at}">') for at in range(1, 26)]
    assert places == sorted(places)
    first = html[places[0] : places[1]]
    assert report.services[0].name in first and "67,781" in first


def test_a_row_tells_all_of_a_service() -> None:
    report = sample()
    one = next(one for one in report.services if one.id == "chatgpt")
    text = Tree("".join(services(replace(report, services=(one,))).html())).text
    for said in (
        "ChatGPT", "OpenAI · assistant · US", "unsanctioned", "72", "214", "+ 1,830 unnamed", "blocked", "1.8 GB", "96",
        *one.reasons, *one.hosts, "live, squid", "inspected, metered", "5.5 GB",
    ):  # fmt: skip
        assert said in text, said


def test_what_is_not_known_is_left_out() -> None:
    html = "".join(services(BARE).html())
    tree = Tree(html)
    assert tree.wrong == [] and "only.example" in tree.text
    for word in ("Hosts", "Details", "blocked", "unnamed", "Looked into"):
        assert word not in tree.text


def test_what_its_traffic_gave_away_is_said() -> None:
    one = replace(BARE.services[0], discovered=True, category="mcp-server")
    assert "mcp server · found by its traffic" in "".join(services(replace(BARE, services=(one,))).html())


def test_new_services_newest_first() -> None:
    report = sample()
    grid = new(report)
    first = [one.first_seen for one in report.services if one.new and one.first_seen]
    times = [str(row[3]) for row in grid.rows]
    assert len(times) == len(first) == report.totals.new and times == sorted(times, reverse=True)
    assert f'<a href="#{anchors(report)["kimi"]}">Kimi</a>' in "".join(grid.html())


def test_anchors_hold_nothing_of_an_id() -> None:
    assert anchors(BARE) == {"only.example": "s1"}
