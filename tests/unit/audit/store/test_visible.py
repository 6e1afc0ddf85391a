from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from unit.audit.store.rows import ask, exchange, open_ingester, put
from weir.audit.record import AuditRecord
from weir.audit.store.database import path_of

Make = Callable[..., AuditRecord]


def test_a_count_works_out_no_column(tmp_path: Path, record: Make) -> None:
    put(tmp_path, *exchange(record))
    with open_ingester(tmp_path, fold_rows=100) as ingester:
        ingester.run_once()
    with duckdb.connect(path_of(tmp_path), read_only=True) as stock:
        (plan,) = (row[1] for row in stock.execute("EXPLAIN SELECT count(*) FROM exchanges").fetchall())
    assert "request_model" not in plan


def test_exchanges_of_day_files_are_not_gathered_in_memory(tmp_path: Path, record: Make) -> None:
    put(tmp_path, *exchange(record))
    with open_ingester(tmp_path, fold_rows=100) as ingester:
        ingester.run_once()
    with duckdb.connect(path_of(tmp_path), read_only=True) as stock:
        (plan,) = (row[1] for row in stock.execute("EXPLAIN SELECT max(team) FROM exchanges").fetchall())
    assert "RIGHT_ANTI" not in plan  # the files' rows would be put into a hash table


def test_recent_rows_and_those_of_day_files_are_one_table(tmp_path: Path, record: Make) -> None:
    put(tmp_path, *exchange(record))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
    put(tmp_path, *exchange(record))
    with open_ingester(tmp_path, fold_rows=100) as ingester:
        ingester.run_once()
        assert ingester.levels.recent_rows() == 2
    for table, rows in (("events", 4), ("findings", 2), ("exchanges", 2), ("tool_calls", 0), ("husks", 0)):
        assert ask(tmp_path, f"SELECT count(*) FROM {table}") == [(rows,)]
