from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import orjson

from unit.audit.exports.rows import CONTENT, every, full
from weir.audit.exports.jsonl import document, jsonl
from weir.audit.record import TABLES


def test_a_row_is_itself_without_what_is_not_known() -> None:
    row, doc = full(), document(full())
    assert doc["findings"][0]["detector"] == "secret/aws-key" and "event_id" not in doc["findings"][0]
    assert {k: v for k, v in doc.items() if k not in ("findings", "tool_calls")} == {
        k: v for k, v in row.items() if k not in ("findings", "tool_calls") and v not in (None, "", [])
    }


def test_one_line_and_columns_only() -> None:
    names = {column.name for columns in TABLES.values() for column in columns} | {"findings", "tool_calls"}
    for row in every():
        line = jsonl(row)
        assert line.count(b"\n") == 1 and line.endswith(b"\n") and CONTENT.encode() not in line
        assert set(orjson.loads(line)) <= names


def test_a_row_of_the_store_is_the_same_line_as_that_of_the_spool() -> None:
    row = full()
    stored = {
        **{column.name: None for column in TABLES["events"]},
        **row,
        "event_id": UUID(row["event_id"]),
        "exchange_id": UUID(row["exchange_id"]),
        "ts": datetime.fromtimestamp(row["ts"] / 1e6, UTC).replace(tzinfo=None, microsecond=row["ts"] % 1_000_000),
    }
    assert jsonl(stored) == jsonl(row)
