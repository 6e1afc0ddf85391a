from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from weir.audit.content.erase import reading_record
from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
NOON = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC


def test_disclosures(written: Callable[..., Query], record: Make) -> None:
    read, exchange = new_event_id(), new_event_id()
    query = written(record(), reading_record(read, exchange, by="ada", reason="ticket 7", outcome="opened"))
    assert query("SELECT read_by, reason, outcome, exchange_id::VARCHAR, read_event_id::VARCHAR FROM disclosures") == [
        ("ada", "ticket 7", "opened", exchange, read)
    ]


def test_erasures_and_retentions(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(),
        AuditRecord(
            event_id=new_event_id(), kind="erasure", ts=NOON, user="anna", reason="erased by ada: asked for",
            extra='{"of":"user","subject":"ab12","keys":3,"until":1}',
        ),
        AuditRecord(event_id=new_event_id(), kind="erasure", ts=NOON + 1, extra='{"of":"conversation","subject":"cd"}'),
        AuditRecord(event_id=new_event_id(), kind="retention", ts=NOON, reason="rows", extra='{"rows":5}'),
    )  # fmt: skip
    assert query("SELECT of, name, subject, keys, reason FROM erasures") == [
        ("conversation", None, "cd", None, None), ("user", "anna", "ab12", 3, "erased by ada: asked for"),
    ]  # fmt: skip
    assert query("SELECT reason, (extra->>'$.rows')::INTEGER FROM retentions") == [("rows", 5)]


def test_all_that_is_kept_of_somebody(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(ts=NOON, findings=(FindingRow(ord=0, detector="pii/email"),), user_groups=("staff",)),
        record(ts=NOON + 1, tool_calls=(ToolCallRow(ord=0, name="Bash"),)),
        record(ts=NOON + 2, user="ben", findings=(FindingRow(ord=0),)),
    )
    rows = query("SELECT kept_in, kind, record::VARCHAR FROM subject_records('anna')")
    assert [row[:2] for row in rows] == [
        ("events", "response"), ("findings", "response"), ("events", "response"), ("tool_calls", "response"),
    ]  # fmt: skip
    event, finding, _, call = (json.loads(row[2]) for row in rows)
    assert event["user"] == "anna" and event["user_groups"] == ["staff"] and "app" not in event
    assert finding["detector"] == "pii/email" and call["name"] == "Bash"
    assert query("FROM subject_records('nobody')") == []
