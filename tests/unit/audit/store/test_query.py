"""What people may ask: whatever reads is run, whatever could write is refused before it runs."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from weir.audit.store import database as store
from weir.audit.store.query import NothingAsked, Refused, answers, statements


def ask(data: Path, text: str) -> list[tuple[list[str], list[tuple[object, ...]]]]:
    return list(answers(data, statements(text)))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "FROM events",
        "WITH t AS (SELECT 1 AS a) FROM t",
        "VALUES (1)",
        "SELECT 'copy' AS \"copy\" -- copy",
        "EXPLAIN SELECT kind FROM events",
        "EXPLAIN ANALYZE SELECT 'COPY x' FROM events",
        "PIVOT events ON kind USING count(*)",
        "DESCRIBE events",
        "SUMMARIZE findings",
        "SHOW TABLES",
        "PRAGMA table_info('events')",
    ],
)
def test_what_reads_is_answered(tmp_path: Path, text: str) -> None:
    ((columns, _),) = ask(tmp_path, text)
    assert columns


WRITES = [
    "COPY events TO '{target}'",
    "copy/* */(SELECT 1) TO '{target}'",
    "WITH t AS (COPY (SELECT 1) TO '{target}') FROM t",
    "WITH t AS MATERIALIZED ( -- x\n CoPy (SELECT 1) TO '{target}') FROM t",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'",
    "COPY (PIVOT events ON kind USING count(*)) TO '{target}'",
    "PREPARE p AS COPY (SELECT 1) TO '{target}'; EXECUTE p",
    "SELECT 1; COPY (SELECT 1) TO '{target}'",
    "EXPORT DATABASE '{target}'",
    "IMPORT DATABASE '{target}'",
    "ATTACH '{target}' AS other",
    "CREATE TABLE t AS SELECT 1",
    "INSERT INTO events VALUES (1)",
    "DROP VIEW events",
    "DETACH audit",
    "CALL enable_logging(storage = 'file', storage_path = '{target}')",
    "LOAD httpfs",
    "BEGIN",
]


@pytest.mark.parametrize("text", WRITES)
def test_what_could_write_is_refused_in_one_line_and_nothing_is_run(tmp_path: Path, text: str) -> None:
    store.ensure(tmp_path / "audit")
    target = tmp_path / "audit" / "hot" / "events" / "new.parquet"
    with pytest.raises(Refused) as caught:
        ask(tmp_path, text.format(target=target))
    assert "\n" not in str(caught.value) and "read" in str(caught.value)
    assert not target.exists()


def test_settings_are_locked_and_variables_are_not(tmp_path: Path) -> None:
    assert ask(tmp_path, "SET VARIABLE a = 7; SELECT getvariable('a')")[-1][1] == [(7,)]
    with pytest.raises(duckdb.Error, match="locked"):
        ask(tmp_path, "SET memory_limit = '1TB'")


@pytest.mark.parametrize("text", ["", " \n", ";;", "-- only this"])
def test_nothing_asked(text: str) -> None:
    with pytest.raises(NothingAsked):
        statements(text)


def test_each_statement_has_its_answer(tmp_path: Path) -> None:
    assert ask(tmp_path, "SELECT 1 AS a; -- ü\nSELECT 2 AS b, 3 AS c") == [(["a"], [(1,)]), (["b", "c"], [(2, 3)])]


def test_what_is_no_sql_is_duckdbs_error() -> None:
    with pytest.raises(duckdb.Error, match="SELEC"):
        statements("SELEC 1")
