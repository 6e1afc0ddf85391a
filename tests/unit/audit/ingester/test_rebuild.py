from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from weir.audit.ingester.ingest import Ingester, IngestLocked
from weir.audit.ingester.rebuild import rebuild
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.audit.spool.records import write_records
from weir.audit.store import database as store
from weir.audit.store.retention import prune_rows
from weir.sections_audit import Retention

Make = Callable[..., AuditRecord]
NOON = 1_700_049_600_000_000
ALL = (
    "SELECT (SELECT count(*) FROM events), (SELECT count(DISTINCT row_hash) FROM events), "
    "(SELECT count(*) FROM findings), (SELECT count(*) FROM exchanges), (SELECT count(ended) FROM exchanges), "
    "(SELECT count(*) FROM husks)"
)


def put(data: Path, make: Make, exchanges: int, day: int = 0) -> None:
    records = []
    for _ in range(exchanges):
        one = {"exchange_id": new_event_id(), "ts": NOON + day * 86_400_000_000}
        records += [make(kind="request", findings=(FindingRow(ord=0),), **one), make(kind="response", **one)]
    write_records(data / "spool", "p1", records)


def ingest(data: Path, fold_rows: int = 3) -> None:
    with Ingester(data / "spool", data / "audit", fold_rows=fold_rows, settle_s=0, grace_s=0) as ingester:
        while ingester.run_once():
            pass


def everything(data: Path) -> tuple[int, ...]:
    return store.sql(data, ALL)[1][0]


def test_it_is_the_same_store_again_and_can_be_repeated(tmp_path: Path, record: Make) -> None:
    put(tmp_path, record, 5)
    put(tmp_path, record, 4, day=1)
    ingest(tmp_path)
    before = everything(tmp_path)
    with duckdb.connect(store.path_of(tmp_path), read_only=True) as reader:
        for _ in range(2):
            done = rebuild(tmp_path)
            assert (done.rows, done.carried, done.bad_lines, done.damaged) == (18, 0, 0, [])
            assert everything(tmp_path) == before == (18, 18, 9, 9, 9, 0)
            assert reader.execute(ALL).fetchall() == [before], "who has it open sees the new one"
    put(tmp_path, record, 1)
    ingest(tmp_path)
    assert everything(tmp_path) == (20, 20, 10, 10, 10, 0)


def test_rows_that_only_the_store_has_are_carried_over(tmp_path: Path, record: Make) -> None:
    put(tmp_path, record, 5)
    put(tmp_path, record, 4, day=1)
    ingest(tmp_path)
    sorted((tmp_path / "spool").glob("*.jsonl"))[0].unlink()
    done = rebuild(tmp_path)
    assert (done.rows, done.carried) == (8, 10)
    assert everything(tmp_path) == (18, 18, 9, 9, 9, 0)
    assert store.sql(tmp_path, "FROM verify_chain()")[1] == []


def test_a_store_with_files_that_cannot_be_read_comes_back(tmp_path: Path, record: Make) -> None:
    put(tmp_path, record, 5)
    ingest(tmp_path)
    for path in (tmp_path / "audit" / "days").glob("e*/2*.parquet"):
        path.write_bytes(b"garbage")
    done = rebuild(tmp_path)
    assert len(done.damaged) == 2 and done.rows == 10
    assert everything(tmp_path) == (10, 10, 5, 5, 5, 0)


def test_rows_of_which_the_spool_has_the_lines_are_no_husks_any_more(tmp_path: Path, record: Make) -> None:
    put(tmp_path, record, 5)
    with Ingester(tmp_path / "spool", tmp_path / "audit", fold_rows=1) as ingester:
        ingester.run_once()
        prune_rows(ingester.files, ingester.levels, Retention(days=1), tmp_path, today=date(2023, 12, 1))
    assert everything(tmp_path) == (0, 0, 0, 0, 0, 10)
    rebuild(tmp_path)
    assert everything(tmp_path) == (11, 11, 5, 5, 5, 0), "and the record of the retention"
    assert store.sql(tmp_path, "FROM verify_chain()")[1] == []


def test_not_while_an_ingester_is_at_work(tmp_path: Path, record: Make) -> None:
    put(tmp_path, record, 1)
    with Ingester(tmp_path / "spool", tmp_path / "audit"), pytest.raises(IngestLocked):
        rebuild(tmp_path)
