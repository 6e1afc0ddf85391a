from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from weir.audit.content import rows as rows_module
from weir.audit.content.erase import reading_record
from weir.audit.content.reader import Gone, Opened
from weir.audit.content.rows import conversations_of, row_of, rows_about, unread
from weir.audit.content.timeline import timeline
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id, now_us
from weir.audit.spool.writer import Spool

from .conftest import Shelf, talk


def ingest(root: Path) -> None:
    with Ingester(root / "spool", root / "audit") as ingester:
        ingester.run_once()


def test_a_timeline_out_of_the_store(shelf: Shelf, spool: Spool) -> None:
    exchange, kept = new_event_id(), shelf.keep()
    found = tuple(FindingRow(ord=n, detector=f"pii/{n}", direction="request") for n in (0, 1))
    who = {"exchange_id": exchange, "user": "anna", "conversation_id": "c1", "app": "bot"}
    spool.put(
        AuditRecord(
            event_id=kept.event_id,
            kind="request",
            ts=kept.ts_us,
            content_ct_hash=kept.content_ct_hash,
            findings=found,
            verdict="alert",
            **who,  # type: ignore[arg-type]
        )
    )
    calls = (ToolCallRow(ord=0, name="look_up"),)
    spool.put(AuditRecord(event_id=new_event_id(), kind="response", ts=now_us(), tool_calls=calls, **who))  # type: ignore[arg-type]
    spool.put(AuditRecord(event_id=new_event_id(), exchange_id=new_event_id(), kind="request", ts=1, user="bert"))
    spool.put(reading_record(kept.event_id, exchange, by="ops", reason="case 9", outcome="opened"))
    assert spool.flush(60)
    ingest(shelf.root)
    for asked in ({"user": "anna"}, {"conversation": "c1"}, {"app": "bot", "user": "anna"}):
        rows = rows_about(shelf.root, **asked)
        assert [row["kind"] for row in rows] == ["request", "response", "disclosure"]
    wanted = {row["event_id"]: row["content_ct_hash"] for row in rows if row.get("content_ct_hash")}
    assert wanted == {kept.event_id: kept.content_ct_hash}
    opened = {one.event_id: one.why if isinstance(one, Gone) else one.content for one in shelf.reader.read_each(wanted)}
    assert isinstance(next(shelf.reader.read_each(wanted)), Opened)
    steps = timeline(rows, opened)
    assert [(step.what, step.text) for step in steps] == [
        *(("prompt", text.text) for text in talk().segments),
        ("finding", "pii/0 in a text"),
        ("finding", "pii/1 in a text"),
        ("decision", "alert"),
        ("reply", "its texts were not kept"),
        ("tool call", "its arguments were not kept"),
        ("note", "ops read what was said: case 9"),
    ]


def test_a_period_and_a_number_bound_it(shelf: Shelf, spool: Spool) -> None:
    now = now_us()
    for hours in range(5):
        spool.put(AuditRecord(event_id=new_event_id(), kind="request", ts=now - hours * 3_600_000_000, user="anna"))
    assert spool.flush(60)
    ingest(shelf.root)
    moment = datetime.fromtimestamp(now / 1e6, UTC).replace(tzinfo=None)
    since = moment - timedelta(hours=2, minutes=30)
    assert len(rows_about(shelf.root, user="anna")) == 5
    assert len(rows_about(shelf.root, user="anna", since=since)) == 3
    assert len(rows_about(shelf.root, user="anna", since=since, until=moment - timedelta(minutes=30))) == 2
    assert len(rows_about(shelf.root, user="anna", limit=4)) == 4
    assert rows_about(shelf.root, user="' OR 1=1 --") == []


def test_somebody_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="user"):
        rows_about(tmp_path)


@pytest.mark.parametrize("first", [True, False], ids=["before the store answers", "after it"])
def test_what_the_ingester_takes_over_at_that_moment_is_there_once(
    shelf: Shelf, spool: Spool, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    ask = rows_module._asked

    def asked(*given: Any) -> list[dict[str, Any]]:
        if first:
            ingest(shelf.root)
        found = ask(*given)
        if not first:
            ingest(shelf.root)
        return found

    monkeypatch.setattr(rows_module, "_asked", asked)
    ingest(shelf.root)

    def put(talk_id: str) -> str:
        event = new_event_id()
        who = {"exchange_id": new_event_id(), "user": "anna", "conversation_id": talk_id}
        spool.put(AuditRecord(event_id=event, kind="request", ts=now_us(), content_ct_hash="ab", **who))  # type: ignore[arg-type]
        assert spool.flush(60)
        return event

    one = put("c1")
    assert [row["event_id"] for row in row_of(shelf.root, one)] == [one]
    two = put("c2")
    assert [row["event_id"] for row in rows_about(shelf.root, user="anna")] == [one, two]
    put("c3")
    assert conversations_of(shelf.root, "anna") == {"c1", "c2", "c3"}


def test_what_the_ingester_has_not_read_is_there_all_the_same(shelf: Shelf, spool: Spool) -> None:
    first, second, exchange = new_event_id(), new_event_id(), new_event_id()
    who = {"exchange_id": exchange, "user": "anna", "conversation_id": "c1"}
    spool.put(AuditRecord(event_id=first, kind="request", ts=now_us(), content_ct_hash="ab", **who))  # type: ignore[arg-type]
    assert spool.flush(60)
    assert [row["event_id"] for row in rows_about(shelf.root, user="anna")] == [first]
    ingest(shelf.root)
    spool.put(AuditRecord(event_id=second, kind="response", ts=now_us(), **{**who, "conversation_id": "c2"}))  # type: ignore[arg-type]
    spool.put(
        AuditRecord(event_id=new_event_id(), exchange_id=new_event_id(), kind="request", ts=now_us(), user="bert")
    )
    assert spool.flush(60)
    assert next(row["event_id"] for row in unread(shelf.root)) == second
    assert [row["event_id"] for row in rows_about(shelf.root, user="anna")] == [first, second]
    assert [row["event_id"] for row in row_of(shelf.root, second)] == [second]
    assert [row["event_id"] for row in row_of(shelf.root, exchange)] == [first]  # the one that bears texts
    assert conversations_of(shelf.root, "anna") == {"c1", "c2"}
    early = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
    assert rows_about(shelf.root, user="bert", until=early) == []
    ingest(shelf.root)
    assert list(unread(shelf.root)) == []
