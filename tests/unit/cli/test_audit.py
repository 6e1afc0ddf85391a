"""``weir audit``: queries on a real store, and asking never makes one in the wrong place."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import duckdb
import pytest


def test_sql_as_json_is_data_and_nothing_else(weir, store: Path) -> None:
    query = "SELECT kind, count(*) AS n FROM events GROUP BY kind ORDER BY kind"
    done = weir("audit", "sql", query, "--data", store, "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "title": "",
        "columns": ["kind", "n"],
        "rows": [{"kind": "block", "n": 1}, {"kind": "request", "n": 1}, {"kind": "response", "n": 2}],
    }


def test_sql_as_csv(weir, store: Path) -> None:
    done = weir("audit", "sql", "SELECT 1 AS a, '=x' AS b", "--data", store, "--format", "csv")
    assert list(csv.reader(io.StringIO(done.out))) == [["a", "b"], ["1", "'=x"]]


def test_every_column_of_every_view_can_be_written(weir, store: Path) -> None:
    for view in ("events", "findings", "tool_calls", "exchanges"):
        for format in ("table", "json", "csv"):
            assert weir("audit", "sql", f"SELECT * FROM {view}", "--data", store, "--format", format).code == 0


def test_what_strangers_sent_does_not_steer_the_terminal(weir, store: Path) -> None:
    done = weir("audit", "sql", "SELECT user_agent FROM events WHERE user = 'bob'", "--data", store)
    assert "evil\ufffd31m\ufffd" in done.out


def test_rows_of_many_columns_stand_one_below_the_other(weir, store: Path) -> None:
    done = weir("audit", "sql", "SELECT * FROM events", "--data", store)
    assert "-- 4\n" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())


@pytest.mark.parametrize("query", ["SELEC 1", "SELECT nope FROM events", "DROP VIEW events", "CREATE TABLE t (a INT)"])
def test_a_query_that_fails_is_one_line_and_1(weir, store: Path, query: str) -> None:
    done = weir("audit", "sql", query, "--data", store)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("weir audit sql: ")
    assert done.err.count("\n") == 1


def test_path_is_one_that_stock_duckdb_opens(weir, store: Path) -> None:
    done = weir("audit", "path", "--data", store)
    assert (done.code, done.err) == (0, "")
    with duckdb.connect(done.out.removesuffix("\n"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(4,)]


def test_a_moved_store_is_mended_on_the_way(weir, store: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(store, moved)
    with duckdb.connect(weir("audit", "path", "--data", moved).out.strip(), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(4,)]


@pytest.mark.parametrize("command", [["sql", "SELECT 1"], ["path"]])
def test_asking_makes_no_data_directory(weir, tmp_path: Path, command: list[str]) -> None:
    done = weir("audit", *command, "--data", tmp_path / "typo")
    assert (done.code, done.out) == (1, "")
    assert "--data" in done.err
    assert not (tmp_path / "typo").exists()
