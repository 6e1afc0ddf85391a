from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from harness.memorystore import MemoryStore
from weir.audit.columns import Column
from weir.audit.record import EVENT_COLUMNS, PARENT_COLUMNS, TABLES, AuditRecord, FindingRow, ToolCallRow, new_event_id
from weir.audit.store.tables import STORED

Make = Callable[..., AuditRecord]
DAY = 86_400_000_000
NOON = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC
CHANGED = "a value in it, its findings or its tool calls was changed"


Written = Callable[..., MemoryStore]


def filled(kind: type, given: dict[str, Any]) -> dict[str, Any]:
    """A value for every column of a row class."""
    made: dict[str, Any] = {}
    for item in fields(kind):
        if "number" in item.metadata and item.name not in given:
            default = 7 if item.default is None or type(item.default) is int else ("x", "")
            made[item.name] = f'"{item.name}" \\ \u2028é' if item.default == "" else default
    return {**made, **given}


def full(ts: int = NOON) -> AuditRecord:
    """A record with every column set and two rows in each of the others."""
    given = {"event_id": new_event_id(), "exchange_id": new_event_id(), "ts": ts, "ts_end": ts + 1}
    given |= {"extra": '{"a": "\\u0007 \\\\ /"}', "stream": True, "kind": "response", "seq": None}
    findings = tuple(FindingRow(**filled(FindingRow, {"ord": n})) for n in range(12))
    calls = tuple(ToolCallRow(**filled(ToolCallRow, {"ord": n})) for n in range(2))
    return AuditRecord(**filled(AuditRecord, given), findings=findings, tool_calls=calls)


def another(column: Column) -> str:
    """SQL of a value that no row of `full` has in the column."""
    return {
        "UUID": f"'{new_event_id()}'", "BIGINT": "8", "UBIGINT": "99", "TIMESTAMP": "TIMESTAMP '2030-01-01'",
        "BOOLEAN": "false", "VARCHAR[]": "['x']", "JSON": "'{}'",
    }.get(column.sql, f"\"{column.name}\" || ' '")  # fmt: skip


def problems(told: MemoryStore, call: str = "verify_chain()") -> list[tuple[Any, ...]]:
    return told(f"SELECT boot_id, seq, problem FROM {call} ORDER BY ALL")


def test_a_whole_chain_has_no_problem(written: Written) -> None:
    told = written(full(), full(), AuditRecord(kind="gap"), full())
    written(full())  # another boot
    assert told("SELECT count(*) FROM events") == [(5,)]
    assert problems(told) == []


@pytest.mark.parametrize("table", list(TABLES))
@pytest.mark.parametrize("value", ["another", "none"])
def test_a_value_that_was_changed_is_found_in_every_column(written: Written, table: str, value: str) -> None:
    """A column a row, all at once; those by which rows are told apart come after."""
    columns = [column for column in TABLES[table] if column.name not in ("proxy_id", "boot_id", "seq")]
    told = written(*(full() for _ in columns))
    for seq, column in enumerate(columns, 1):
        changed = another(column) if value == "another" else "NULL"
        told.connection.execute(f'UPDATE {table} SET "{column.name}" = {changed} WHERE seq = {seq}')
    found = {row[1]: row[2] for row in problems(told) if "linked" not in row[2]}
    assert [column.name for seq, column in enumerate(columns, 1) if seq not in found] == []
    parents = {column.name for column in PARENT_COLUMNS} if table != "events" else set()
    named = f"its {table.replace('_', ' ')} name another event or time"
    wanted = [named if column.name in parents else CHANGED for column in columns]
    assert [found[seq] for seq in range(1, len(columns) + 1)] == wanted


@pytest.mark.parametrize("table", list(TABLES))
@pytest.mark.parametrize("column", ["proxy_id", "boot_id", "seq"])
def test_a_row_that_says_another_place_is_found(written: Written, table: str, column: str) -> None:
    told = written(*(full() for _ in range(3)))
    told(f"UPDATE {table} SET {column} = '77' WHERE seq = 2")
    assert problems(told)


def test_rows_that_are_missing_or_there_twice_are_named(written: Written) -> None:
    told = written(*(full() for _ in range(9)))
    boot = told("SELECT min(boot_id) FROM events")[0][0]

    def after(*statements: str) -> list[tuple[Any, ...]]:
        told.connection.execute("BEGIN")
        for statement in statements:
            told(statement)
        found = problems(told)
        told.connection.execute("ROLLBACK")
        return [row[1:] for row in found if row[0] == boot]

    children = [f"DELETE FROM {table} WHERE seq " for table in ("findings", "tool_calls")]
    assert after("DELETE FROM events WHERE seq = 4", *(f"{one} = 4" for one in children)) == [
        (5, "row 4 is missing before it")
    ]
    assert after("DELETE FROM events WHERE seq IN (4, 5, 6)", *(f"{one} IN (4, 5, 6)" for one in children)) == [
        (7, "rows 4 to 6 are missing before it")
    ]
    assert after("DELETE FROM events WHERE seq = 1", *(f"{one} = 1" for one in children)) == [
        (2, "the rows before it are missing")
    ]
    assert after("DELETE FROM events WHERE seq = 4") == [
        (4, "there are findings of an event that is missing"), (4, "there are tool calls of an event that is missing"),
        (5, "row 4 is missing before it"),
    ]  # fmt: skip
    assert after("DELETE FROM findings WHERE seq = 4 AND ord = 1") == [(4, CHANGED)]
    assert after("INSERT INTO events FROM events WHERE seq = 4") == [(4, "it is there twice")]
    swapped = "UPDATE {} SET seq = CASE seq WHEN 4 THEN 5 ELSE 4 END WHERE seq IN (4, 5)"
    moved = after(*(swapped.format(table) for table in TABLES))
    assert {row for row in moved if row[1] == CHANGED} == {(4, CHANGED), (5, CHANGED)} and len(moved) > 2
    forged = "UPDATE events SET prev_hash = repeat('a', 64) WHERE seq = 4"
    assert after(forged) == [(4, CHANGED), (4, "it is not linked to the row before it")]
    assert after("DELETE FROM events WHERE seq = 9", *(f"{one} = 9" for one in children)) == [], "checkpoints tell"


def test_a_hash_made_anew_breaks_the_next_row(written: Written) -> None:
    told = written(full(), full(), full())
    told("UPDATE events SET row_hash = repeat('b', 64) WHERE seq = 2")
    assert [row[1:] for row in problems(told)] == [(2, CHANGED), (3, "it is not linked to the row before it")]


def test_husks_stand_for_the_rows_that_they_were(written: Written) -> None:
    told = written(*(full() for _ in range(5)))
    names = ", ".join(column.name for column in STORED["husks"])
    told(f"INSERT INTO husks SELECT {names} FROM events WHERE seq <= 2 OR seq = 4")
    for table in TABLES:
        told(f"DELETE FROM {table} WHERE seq <= 2 OR seq = 4")
    assert problems(told) == []
    told("UPDATE husks SET row_hash = repeat('c', 64) WHERE seq = 2")
    assert [row[1:] for row in problems(told)] == [(3, "it is not linked to the row before it")]


def test_since_looks_at_every_row_from_the_first_on(written: Written) -> None:
    told = written(full(NOON), full(NOON), full(NOON + DAY), full(NOON), full(NOON + 2 * DAY))
    told("UPDATE events SET team = 'other' WHERE seq IN (1, 4)")
    told("DELETE FROM events WHERE seq = 2")
    assert [row[1] for row in problems(told) if row[2] == CHANGED] == [1, 4]
    assert [row[1:] for row in problems(told, "verify_chain(since := '2023-11-16')")] == [(4, CHANGED)]
    assert problems(told, "verify_chain(since := DATE '2023-11-17')") == []
    assert problems(told, "verify_chain(since := '2030-01-01')") == []


def test_the_order_of_columns_that_were_hashed_never_changes() -> None:
    """A new column may come in between; two that are there must not change places, or old rows read as changed."""
    first = ["event_id", "exchange_id", "ts", "ts_end", "schema_version", "kind", "flow_id", "session_id"]
    some = [*first, "user", "team", "src_ip", "api_key_fp", "host", "service", "request_model", "model_asked"]
    some += ["response_model", "inspection", "protocol", "input_tokens", "cost_nano", "price_id", "duration_us"]
    some += ["mode", "verdict", "action", "rule_id", "dropped", "coach_grant", "content_ct_hash", "extra"]
    assert [column.name for column in EVENT_COLUMNS if column.name in some] == some
