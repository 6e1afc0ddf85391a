from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from harness.memorystore import MemoryStore
from unit.reports.shadow.conftest import DEEPSEEK, NOW, logged, seen
from weir.model import Status
from weir.reports.shadow.made import report
from weir.reports.shadow.model import ShadowReport
from weir.shadow.catalogue import Catalogue
from weir.shadow.opinion import Opinion


@pytest.fixture(scope="module")
def made(filled: MemoryStore, catalogue: Catalogue) -> ShadowReport:
    return report(filled.connection, None, catalogue, now=NOW)


def test_services_with_what_the_catalogue_knows(made: ShadowReport) -> None:
    assert [service.id for service in made.services[:2]] == ["deepl", "openai"], "most requests first"
    named = {service.id: service for service in made.services}
    assert (named["deepl"].name, named["deepl"].country, named["deepl"].status) == ("DeepL", "DE", "unknown")
    assert (named["openai"].status, named["deepseek"].status) == ("sanctioned", "unsanctioned")
    assert named["deepseek"].score > named["deepl"].score > named["openai"].score
    assert any("sensitive data" in why for why in named["deepseek"].reasons)
    assert not any("(deepseek)" in why for why in named["deepseek"].reasons), "its own name is no reason"
    assert named["claude-x"].name == "claude-x", "one that has left the catalogue"
    assert (named["llm.lab.example"].category, named["llm.lab.example"].discovered) == ("discovered", True)


def test_totals_and_days(made: ShadowReport) -> None:
    totals = made.totals
    assert (totals.services, totals.unsanctioned, totals.users, totals.requests, totals.findings) == (6, 4, 3, 52, 1)
    assert (made.days[0], made.days[-1], len(made.days)) == (date(2023, 11, 2), date(2023, 11, 14), 13)
    named = {service.id: service for service in made.services}
    assert sum(named["deepl"].trend) == 42 and named["deepl"].trend[-3:] == (40, 2, 0)
    assert all(len(service.trend) == len(made.days) for service in made.services)


def test_new_is_what_the_store_had_never_seen_before_this_week(
    made: ShadowReport, filled: MemoryStore, catalogue: Catalogue
) -> None:
    new = {"deepl", "llm.lab.example", "claude-x", "chatgpt"}
    assert {service.id for service in made.services if service.new} == new
    week = report(filled.connection, NOW - timedelta(days=7), catalogue, now=NOW)
    assert {service.id for service in week.services if service.new} == new, "a report of a week is no new beginning"


def test_people_with_the_most_unsanctioned_services_come_first(made: ShadowReport) -> None:
    assert [(one.user, one.known, len(one.unsanctioned)) for one in made.people] == [
        ("anna", True, 2), ("carl", True, 1), ("ben", True, 1), ("lt-9", False, 1), ("10.0.0.9", False, 1),
    ]  # fmt: skip
    ben = made.people[2]
    assert (ben.team, ben.requests, ben.bytes_up, ben.findings) == ("dev", 2, 5_100, 1)


def test_a_policy_judges_anew(filled: MemoryStore, catalogue: Catalogue) -> None:
    lists = SimpleNamespace(sanctioned=["deepseek"], tolerated=[], unsanctioned=[], otherwise=Status.UNSANCTIONED)
    judged = report(filled.connection, None, catalogue, Opinion(catalogue, lists), NOW)
    named = {service.id: service.status for service in judged.services}
    assert named["deepseek"] == "sanctioned" and named["openai"] == named["llm.lab.example"] == "unsanctioned"


def test_the_hour_and_the_zone_of_the_caller_do_not_matter(filled: MemoryStore, catalogue: Catalogue) -> None:
    zone = timezone(timedelta(hours=9))
    there = report(filled.connection, datetime(2023, 11, 9, tzinfo=zone), catalogue, now=NOW.replace(tzinfo=UTC))
    here = report(filled.connection, datetime(2023, 11, 8, 15), catalogue, now=NOW)
    assert there == here


def test_nothing_seen(memory: Callable[..., MemoryStore], catalogue: Catalogue) -> None:
    empty = report(memory().connection, None, catalogue, now=NOW)
    assert (empty.services, empty.people, empty.days, empty.steps, empty.coverage) == ((), (), (), (), ())
    assert empty.totals.requests == 0


def test_old_logs_have_a_trend_and_the_future_has_none(
    memory: Callable[..., MemoryStore], catalogue: Catalogue
) -> None:
    store = memory(logged(400, 5), logged(398, 6), seen(-0.5, **DEEPSEEK))
    made = report(store.connection, None, catalogue, now=NOW)
    assert (made.days[-1], len(made.days)) == (NOW.date(), 30)
    old = report(memory().connection, NOW - timedelta(days=500), catalogue, now=NOW - timedelta(days=1))
    assert old.days[-1] == (NOW - timedelta(days=1)).date()


def test_a_discovered_host_of_any_name_has_the_status_on_record(
    memory: Callable[..., MemoryStore], catalogue: Catalogue
) -> None:
    hosts = ("gpubox", "::1", "llm.lab.example")
    said = {"service_status": "unsanctioned", "extra": '{"discovered":"true"}'}
    store = memory(*(seen(1, host=host, service=host, **said) for host in hosts))
    made = report(store.connection, None, catalogue, now=NOW).services
    assert {one.id: (one.status, one.discovered) for one in made} == dict.fromkeys(hosts, ("unsanctioned", True))
