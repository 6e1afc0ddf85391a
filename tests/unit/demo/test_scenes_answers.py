"""What the store says against what the scenes expect: every column that differs is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.audit.spool.writer import Spool
from weir.cli.output import StoreTrouble
from weir.demo import scenes_answers
from weir.demo.scenes_answers import ANSWERS, answers, check, collect, scene_of
from weir.demo.scenes_model import Outcome, Row, Scene

PROMPT = "How high is it?"
ROW = Row("api.openai.com", "pseudonymise", "mask", read=PROMPT, findings=("pii/EMAIL_ADDRESS",))
METER = Row("api.orders.example", "", inspection="metered", team="", metered=True)
OUTCOMES = (Outcome("", True, 100, 200), Outcome("", True, 200, 300))


def scene(*rows: Row) -> Scene:
    return Scene("A scene", "Does.", "expects", lambda cast: "", rows)


def found(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "started_us": 150,
        "ended": True,
        "host": "api.openai.com",
        "inspection": "inspected",
        "action": "pseudonymise",
        "rule": "mask",
        "team": "support",
        "usage": "reported",
        "input_tokens": 4,
        "output_tokens": 7,
        "cost_nano": 1000,
        "req_bytes": 90,
        "resp_bytes": 300,
        "discovered": False,
        "finds": ["pii/EMAIL_ADDRESS"],
    }
    return {**values, **changes}


def metered(**changes: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(("input_tokens", "output_tokens", "cost_nano", "finds"))
    words = {"host": METER.host, "inspection": "metered", "action": "", "rule": "", "team": "", "usage": ""}
    return found(started_us=250, **{**nothing, **words, **changes})


def test_check() -> None:
    assert check((scene(ROW), scene(METER)), OUTCOMES, (found(), metered())) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "api.anthropic.com"}, "host is api.anthropic.com, not api.openai.com"),
        ({"ended": False}, "ended is False, not True"),
        ({"inspection": "unparsed"}, "inspection is unparsed, not inspected"),
        ({"action": "allow"}, "action is allow, not pseudonymise"),
        ({"rule": ""}, "rule is nothing, not mask"),
        ({"team": "finance"}, "team is finance, not support"),
        ({"usage": "estimated"}, "usage is estimated, not reported"),
        ({"input_tokens": 5}, "input_tokens is 5, not 4"),
        ({"output_tokens": None}, "output_tokens is nothing, not 7"),
        ({"cost_nano": None}, "it has no price"),
        ({"finds": None}, "finds is nothing, not pii/EMAIL_ADDRESS"),
        ({"discovered": True}, "discovered is True, not False"),
    ],
)
def test_check_tells_the_column(changes: dict[str, Any], said: str) -> None:
    assert check((scene(ROW),), OUTCOMES[:1], (found(**changes),)) == [f"scene 1, api.openai.com: {said}"]


@pytest.mark.parametrize("column", ["req_bytes", "resp_bytes"])
def test_check_wants_bytes_both_ways(column: str) -> None:
    wrong = check((scene(), scene(METER)), OUTCOMES, (metered(**{column: 0}),))
    assert wrong == ["scene 2, api.orders.example: bytes were not counted both ways"]


def test_check_of_something_without_a_price() -> None:
    unpriced = scene(replace(ROW, priced=False))
    assert check((unpriced,), OUTCOMES[:1], (found(cost_nano=None),)) == []
    assert check((unpriced,), OUTCOMES[:1], (found(),)) == ["scene 1, api.openai.com: it has a price"]


def test_check_counts() -> None:
    assert check((scene(ROW),), OUTCOMES[:1], ()) == ["scene 1: 0 exchanges, not 1"]
    assert check((scene(ROW),), OUTCOMES[:1], (found(), found())) == ["scene 1: 2 exchanges, not 1"]
    assert check((scene(ROW),), OUTCOMES[:1], (found(), found(started_us=99))) == ["1 exchanges belong to no scene"]


def test_scene_of() -> None:
    assert [scene_of({"started_us": at}, OUTCOMES) for at in (99, 100, 199, 200, 299, 300)] == [0, 1, 1, 2, 2, 0]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", "proxy", "boot")
    spool.start()
    yield spool
    spool.close(5.0)


def put(spool: Spool, host: str, at_us: int, *findings: FindingRow, ended: bool = True) -> None:
    exchange = new_event_id()
    common = {"exchange_id": exchange, "host": host, "ts": at_us, "inspection": "inspected", "action": "block"}
    spool.put(AuditRecord(event_id=new_event_id(), kind="request", findings=findings, **common))
    if ended:
        extra = '{"discovered":"true"}'
        spool.put(AuditRecord(event_id=new_event_id(), kind="response", ts_end=at_us + 5, extra=extra, **common))


def ingest(data: Path, spool: Spool) -> None:
    spool.close(5.0)
    with Ingester(data / "spool", data / "audit") as ingester:
        ingester.run_once()


def test_collect(tmp_path: Path, spool: Spool) -> None:
    now = time.time_ns() // 1000
    put(spool, "old.example", now - 10_000_000)
    twice = [FindingRow(ord=index, detector=name) for index, name in enumerate(("b/two", "a/one", "b/two"))]
    put(spool, "new.example", now, *twice)
    ingest(tmp_path, spool)
    rows = collect(tmp_path, now, 1)
    assert [(row["host"], row["finds"], row["discovered"], row["ended"]) for row in rows] == [
        ("new.example", ["a/one", "b/two"], True, True)
    ]
    assert rows[0]["started_us"] == now and rows[0]["rule"] == "" and rows[0]["input_tokens"] is None


def test_collect_gives_what_there_is_after_a_while(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes_answers, "_WAIT_S", 0.3)
    put(spool, "a.example", 5_000_000, ended=False)
    ingest(tmp_path, spool)
    assert [row["ended"] for row in collect(tmp_path, 0, 1)] == [False]


def test_collect_without_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes_answers, "_WAIT_S", 0.05)
    with pytest.raises(StoreTrouble, match="no store came to be"):
        collect(tmp_path, 0, 1)


def test_every_question_can_be_asked(tmp_path: Path, spool: Spool) -> None:
    put(spool, "a.example", time.time_ns() // 1000, FindingRow(ord=0, detector="a/one"))
    ingest(tmp_path, spool)
    made = answers(tmp_path)
    assert [answer.title for answer in made] == [answer.title for answer in ANSWERS]
    assert made[0].columns == ("detector", "action", "findings", "values") and len(made[0].rows) == 1
    assert all(len(line) <= 80 for answer in ANSWERS for line in answer.question.splitlines())
