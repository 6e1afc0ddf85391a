"""One record when a service is used for the first time."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord, new_event_id
from weir.edge.firstseen import FirstSeen
from weir.shadow.sightings import Sightings


def record(service: str, **fields: object) -> AuditRecord:
    return AuditRecord(exchange_id=new_event_id(), service=service, **{"kind": "request", "ts": 5, **fields})  # type: ignore[arg-type]


def test_told_once_and_not_again_after_a_restart(tmp_path: Path) -> None:
    told: list[AuditRecord] = []
    first = record(
        "openai", host="api.openai.com", provider="openai", user="ada", team="t", service_status="sanctioned"
    )
    for _ in range(2):
        news = FirstSeen(Sightings(tmp_path / "seen.db"), told.append)
        for one in (first, record("openai"), record(""), record("", host="shop.example")):
            news.look(one)
        news.close()
    (only,) = told
    assert (only.kind, only.service, only.user, only.team, only.host, only.ts) == (
        "first_seen", "openai", "ada", "t", "api.openai.com", 5
    )  # fmt: skip
    assert only.exchange_id != first.exchange_id and json.loads(only.extra) == {"exchange": first.exchange_id}
    assert only.reason == "openai is used for the first time"


def test_a_discovered_host_is_marked(tmp_path: Path) -> None:
    told: list[AuditRecord] = []
    news = FirstSeen(Sightings(tmp_path / "seen.db"), told.append)
    news.look(record("llm.corp.example", host="llm.corp.example"))
    news.close()
    assert json.loads(told[0].extra)["discovered"] == "true"


def test_two_processes_do_not_both_say_it(tmp_path: Path) -> None:
    told: list[AuditRecord] = []
    both = [FirstSeen(Sightings(tmp_path / "seen.db"), told.append) for _ in range(2)]
    for news in both:
        news.look(record("openai"))
    for news in both:
        news.close()
    assert len(told) == 1


def test_a_file_that_cannot_be_used_costs_the_news_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[AuditRecord] = []
    news = FirstSeen(Sightings(tmp_path / "no such folder" / "seen.db"), told.append)
    with caplog.at_level(logging.WARNING, "weir.shadow"):
        for service in ("openai", "anthropic"):
            news.look(record(service))
        news.close()
    assert told == [] and [entry.getMessage() for entry in caplog.records] == [
        "what services are new cannot be noted: FileNotFoundError"
    ]


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.edge.firstseen.SERVICES_MAX", 3)
    told: list[AuditRecord] = []
    news = FirstSeen(Sightings(tmp_path / "seen.db", most=3), told.append)
    for number in range(50):
        news.look(record(f"h{number}.example"))
    news.close()
    assert len(told) == 3


def test_what_could_not_be_noted_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.edge.firstseen._REST_S", 0.0)
    told: list[AuditRecord] = []
    news = FirstSeen(Sightings(tmp_path / "later" / "seen.db"), told.append)
    news.look(record("openai"))
    news.close()
    (tmp_path / "later").mkdir()
    news.look(record("openai"))
    news.look(record("openai"))
    news.close()
    assert [one.service for one in told] == ["openai"]


def test_a_file_that_cannot_be_used_is_left_alone_for_a_while(tmp_path: Path) -> None:
    told: list[AuditRecord] = []
    news = FirstSeen(Sightings(tmp_path / "later" / "seen.db"), told.append)
    news.look(record("openai"))
    news.close()
    (tmp_path / "later").mkdir()
    news.look(record("openai"))
    news.close()
    assert told == [] and not any((tmp_path / "later").iterdir())


def test_that_nothing_more_is_told_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[AuditRecord] = []
    news = FirstSeen(Sightings(tmp_path / "seen.db", most=4), told.append)
    with caplog.at_level(logging.WARNING, "weir.shadow"):
        for number in range(8):
            news.look(record(f"h{number}.example", host=f"h{number}.example"))
        news.look(record("openai", host="api.openai.com", provider="openai"))
        news.close()
    assert [one.service for one in told] == ["h0.example", "h1.example", "h2.example", "openai"]
    assert len(caplog.records) == 1 and "services-seen.db" in caplog.text
