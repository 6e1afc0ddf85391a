"""What the charts are drawn from: sums that agree with the report, in JSON that can't leave its element."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

from harness.htmltree import Tree
from harness.shadowsample import MADE, hostile, sample
from weir.reports.shadow.model import Service, ShadowReport
from weir.reports.shadow.page_charts import data, figures


def test_requests_by_status_add_up() -> None:
    report = sample()
    found = json.loads(data(report))
    assert found["unit"] == "day" and len(found["days"]) == 30 and found["days"][0] == "2026-03-01"
    assert sum(map(sum, found["requests"].values())) == report.totals.requests
    assert all(len(row) == 30 for row in found["requests"].values())


def test_the_ten_that_took_most() -> None:
    top = json.loads(data(sample()))["top"]
    assert [one["name"] for one in top[:2]] == ["Otter", "ChatGPT"] and len(top) == 10
    assert [one["bytes"] for one in top] == sorted((one["bytes"] for one in top), reverse=True)


def test_a_long_period_is_in_weeks() -> None:
    days = tuple(date(2026, 1, 1) + timedelta(days=at) for at in range(90))
    one = Service("a", "A", status="odd", trend=tuple(range(90)), requests=sum(range(90)))
    found = json.loads(data(ShadowReport(made=MADE, since=None, until=MADE, days=days, services=(one,))))
    assert found["unit"] == "week" and found["days"][0] == "2026-01-01" and found["days"][-1] == str(days[-7])
    weeks = found["requests"]["unknown"]
    assert len(weeks) == len(found["days"]) == 13 and sum(weeks) == sum(range(90)) and weeks[-1] == sum(range(83, 90))


def test_a_trend_of_another_length_harms_nothing() -> None:
    small = sample()
    services = (replace(small.services[0], trend=(1, 2)), replace(small.services[1], trend=(1,) * 99))
    found = json.loads(data(replace(small, services=services)))
    assert sum(map(sum, found["requests"].values())) == 3 + 30


def test_json_holds_nothing_that_ends_a_script() -> None:
    evil = "</script><!--\u2028\u202e\ud800" + "x" * 50
    text = data(hostile(evil))
    assert not set("<>&") & set(text) and text.isascii()
    report = hostile(evil)
    services = (replace(report.services[0], bytes_up=10**12),)
    name = json.loads(data(replace(report, services=services)))["top"][0]["name"]
    assert name.startswith("</script><!--") and len(name) == 30 and name.endswith("…") and "\u202e" not in name


def test_each_chart_has_its_table() -> None:
    tree = Tree("".join(figures(sample())))
    assert tree.wrong == [] and len(tree.named("canvas")) == len(tree.named("table")) == 2
    assert len(tree.named("tr")) == (1 + 30) + (1 + 10)
    assert all("open" in attrs for attrs in tree.named("details"))


def test_no_numbers_no_charts() -> None:
    empty = ShadowReport(made=MADE, since=None, until=MADE)
    assert list(figures(empty)) == [] and json.loads(data(empty))["top"] == []
