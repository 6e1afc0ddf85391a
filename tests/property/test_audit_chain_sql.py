"""The law of ``verify_chain()``: whatever record weir may write, its hash can be made anew from the store's columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.memorystore import MemoryStore
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import TABLES, AuditRecord, FindingRow, ToolCallRow, new_event_id
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store

CONTROLS = "\x00\x07\n\x1f\x7f\x80\x9f"
MARKS = "\"\\/'\u2028\u2029\ufeff\uffff\ufffd\ud800\udfff<&{}[],:"
HARD = st.sampled_from(["\\u0041", *MARKS, *CONTROLS])
texts = st.text(max_size=6) | st.lists(HARD, max_size=6).map("".join)
numbers = st.integers(-(2**63) + 1, 2**63 - 1)


def _json(made: dict[str, Any]) -> str:
    """As weir writes ``extra``: half of a surrogate pair is no text there."""
    return orjson.dumps(json.loads(json.dumps(made, ensure_ascii=False).encode("utf-8", "replace"))).decode()


OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "BIGINT": numbers,
    "VARCHAR": texts,
    "BOOLEAN": st.booleans(),
    "VARCHAR[]": st.lists(texts, max_size=3).map(tuple),
    "TIMESTAMP": st.integers(0, 4_102_444_800_000_000),
    "UUID": st.uuids().map(str),
    "JSON": st.dictionaries(texts, texts | numbers, max_size=2).map(_json),
}


def rows(kind: type, table: str) -> st.SearchStrategy[dict[str, Any]]:
    """Values for some columns of a row class."""
    columns = {column.name: column for column in TABLES[table]}
    named = [item.name for item in fields(kind) if "number" in item.metadata and item.name not in ("seq", "ord")]
    one = st.sampled_from(named).flatmap(lambda name: st.tuples(st.just(name), OF_TYPE[columns[name].sql]))
    return st.lists(one, max_size=8).map(dict)


def numbered(kind: Callable[..., Any], table: str) -> st.SearchStrategy[tuple[Any, ...]]:
    made = rows(kind, table)  # type: ignore[arg-type]
    return st.lists(made, max_size=3).map(lambda given: tuple(kind(**one, ord=n) for n, one in enumerate(given)))


records = st.builds(
    lambda values, findings, calls: AuditRecord(**{"kind": "x", **values}, findings=findings, tool_calls=calls),
    rows(AuditRecord, "events"),
    numbered(FindingRow, "findings"),
    numbered(ToolCallRow, "tool_calls"),
)


@pytest.fixture(scope="module")
def memory() -> Iterator[MemoryStore]:
    made = MemoryStore()
    yield made
    made.connection.close()


# Many records at a time: to ask takes as long for one as for ten.
@settings(max_examples=20, deadline=None)
@given(made=st.lists(records, min_size=1, max_size=16))
def test_every_record_proves_itself(memory: MemoryStore, made: list[AuditRecord]) -> None:
    memory.clear()
    assert memory.write(*made).ask("FROM verify_chain()") == []


def test_so_it_does_behind_the_spool_and_the_ingester(tmp_path: Path) -> None:
    every = [*MARKS, *CONTROLS, *map(chr, range(0x20, 0x250))]
    given = ["".join(every[at : at + 40]) for at in range(0, len(every), 40)]
    made = [
        AuditRecord(
            event_id=new_event_id(), kind="response", user=text, reason=text[::-1], user_groups=(text, ""), ts=at,
            extra=_json({text: at}), cost_nano=-(2**63) + 1 + at, stream=at % 2 == 0,
            findings=tuple(FindingRow(ord=n, detector=text, score_pct=n) for n in range(at % 13)),
            tool_calls=tuple(ToolCallRow(ord=n, name=text) for n in range(at % 3)),
        )
        for at, text in enumerate(given)
    ]  # fmt: skip
    spool = Spool(tmp_path / "spool", "p1", new_event_id(), segment_bytes_max=1 << 20)
    spool.start()
    for record in made:
        spool.put(record)
    assert spool.flush(60) and spool.close(5)
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        assert ingester.run_once() == len(made)
    assert store.sql(tmp_path, "FROM verify_chain()")[1] == []
    with duckdb.connect(store.path_of(tmp_path), read_only=True) as stock:
        assert stock.execute("FROM verify_chain()").fetchall() == []
        assert stock.execute("SELECT count(*) FROM findings").fetchone() != (0,)
