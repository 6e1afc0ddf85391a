"""``weir audit sql`` and ``path``: queries on a real store, and asking never makes one in the wrong place."""

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


@pytest.mark.parametrize(
    "query",
    [
        "SELEC 1", "SELECT nope FROM events", "DROP VIEW events", "CREATE TABLE t (a INT)", "FROM '/etc/passwd'",
        "FROM read_text('/etc/passwd')", "COPY events TO 'x.csv'", "ATTACH 'x.db'",
    ],
)  # fmt: skip
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


@pytest.mark.parametrize("command", [["sql", "SELECT 1"], ["path"], ["verify"]])
def test_asking_makes_no_data_directory(weir, tmp_path: Path, command: list[str]) -> None:
    done = weir("audit", *command, "--data", tmp_path / "typo")
    assert (done.code, done.out) == (1, "")
    assert "--data" in done.err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    "query", ["-- who was it\nSELECT 1 AS a", "--format of things\nSELECT 1 AS a", "/* x */ SELECT 1 AS a"]
)
def test_a_query_may_begin_with_a_comment(weir, store: Path, query: str) -> None:
    done = weir("audit", "sql", query, "--format", "json", "--data", store)
    assert (done.code, json.loads(done.out)["rows"]) == (0, [{"a": 1}])


@pytest.mark.parametrize("query", ["", "  ", "-- nothing", ";"])
def test_no_statement_is_wrong_usage(weir, store: Path, query: str) -> None:
    done = weir("audit", "sql", query, "--data", store)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("weir audit sql: there is no statement") and done.err.count("\n") == 1


def test_several_statements_are_all_answered(weir, store: Path) -> None:
    query = (
        "SET VARIABLE who = 'ann'; SELECT count(*) AS n FROM events WHERE \"user\" = getvariable('who'); SELECT 2 AS b"
    )
    done = weir("audit", "sql", query, "--data", store)
    assert [line.strip() for line in done.out.splitlines()] == ["n", "3", "", "b", "2"]
    told = weir("audit", "sql", query, "--data", store, "--format", "json")
    assert [json.loads(line)["rows"] for line in told.out.splitlines()] == [[{"n": 3}], [{"b": 2}]]
    refused = weir("audit", "sql", query, "--data", store, "--format", "csv")
    assert (refused.code, refused.out) == (2, "")


def test_now_is_told_in_utc(weir, store: Path) -> None:
    done = weir("audit", "sql", "SELECT now() AS now", "--data", store, "--format", "json")
    assert json.loads(done.out)["rows"][0]["now"].endswith("Z")


def test_a_wrong_name_is_told_with_what_may_be_meant(weir, store: Path) -> None:
    done = weir("audit", "sql", "SELECT servic FROM events", "--data", store)
    assert 'Referenced column "servic" not found' in done.err
    assert "service" in done.err.partition("Candidate bindings")[2]


def test_views_of_many_columns_can_be_read_at_80(weir, store: Path) -> None:
    done = weir("audit", "sql", "FROM cost_by_model", "--data", store)
    lines = done.out.splitlines()
    assert lines[0].split()[:3] == ["service", "model", "exchanges"]
    assert lines[-1].split() == ["openai", "gpt-5", "1", "1000", "200", "-", "-", "0.00325", "0", "0"]
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)
