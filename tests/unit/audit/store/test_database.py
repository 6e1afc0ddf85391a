from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from harness.stores import from_nothing
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import EVENT_COLUMNS, AuditRecord
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store
from weir.audit.store import parquet
from weir.audit.store.views import VIEWS
from weir.audit.store.views.shape import View

Make = Callable[..., AuditRecord]


def test_an_empty_store_answers_every_view(tmp_path: Path) -> None:
    with from_nothing():
        store.ensure(tmp_path / "audit")
    for name in ("events", "findings", "tool_calls", *(view.name for view in VIEWS)):
        assert store.sql(tmp_path, f"SELECT * FROM {name}")[1] == []


def test_columns_follow_from_the_record(tmp_path: Path) -> None:
    columns, rows = store.sql(tmp_path, "DESCRIBE events")
    assert columns[:2] == ["column_name", "column_type"]
    assert [(row[0], row[1]) for row in rows] == [(c.name, c.sql) for c in EVENT_COLUMNS]


def test_stock_duckdb_opens_it_read_only(tmp_path: Path, spool: Spool, record: Make) -> None:
    spool.put(record())
    assert spool.flush(60)
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        ingester.run_once()
    with duckdb.connect(store.path_of(tmp_path), read_only=True) as stock:
        assert stock.execute("SELECT user, team FROM exchanges").fetchall() == [("anna", "finance")]
        with pytest.raises(duckdb.Error):
            stock.execute("CREATE TABLE t (i INTEGER)")
    with duckdb.connect() as other:
        other.execute(f"ATTACH '{store.path_of(tmp_path)}' AS logs (READ_ONLY)")
        assert other.execute("SELECT count(*) FROM logs.exchanges").fetchall() == [(1,)]


def test_it_is_built_once_and_again_only_when_definitions_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.ensure(tmp_path)
    first = path.stat().st_ino
    with duckdb.connect(path, read_only=True) as reader:
        store.ensure(tmp_path)
        assert path.stat().st_ino == first
        monkeypatch.setattr(store, "VIEWS", VIEWS[:2])
        store.ensure(tmp_path)
        assert path.stat().st_ino != first
        assert reader.execute("SELECT count(*) FROM uninspected").fetchall() == [(0,)], "who has it open keeps it"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_file_says_is_read_once_as_long_as_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.ensure(tmp_path)
    said = store._versions(path)
    with monkeypatch.context() as patch:
        patch.setattr(duckdb, "connect", lambda *_, **__: pytest.fail("it was opened again"))
        assert store._versions(path) == said
    path.write_bytes(b"not a database")
    assert store._versions(path) == ("", "")


def test_where_all_is_well_no_engine_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.ensure(tmp_path)
    store.ensure(tmp_path)
    monkeypatch.setattr(parquet, "open_engine", lambda *_: pytest.fail("it was opened"))
    assert store.ensure(tmp_path) == path


def test_an_engine_that_was_given_is_used_and_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = parquet.open_engine()
    with from_nothing():
        store.ensure(tmp_path / "one", engine)
        monkeypatch.setattr(store, "VIEWS", (*VIEWS, View("broken", "of nothing", "FROM nothing_there")))
        with pytest.raises(duckdb.Error, match="nothing_there"):
            store.ensure(tmp_path / "two", engine)
        monkeypatch.undo()
        assert store.ensure(tmp_path / "three", engine).exists()
    assert engine.execute("SELECT current_database()").fetchall() == [("memory",)]
    engine.close()


def test_a_damaged_file_is_built_anew(tmp_path: Path) -> None:
    path = store.path_of(tmp_path)
    store.ensure(path.parent)
    path.write_bytes(b"not a database")
    assert store.sql(tmp_path, "SELECT count(*) FROM events")[1] == [(0,)]


def test_a_moved_directory_works_after_the_next_command(tmp_path: Path, spool: Spool, record: Make) -> None:
    spool.put(record())
    assert spool.flush(60) and spool.close(5)
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        ingester.run_once()
    moved = tmp_path / "somewhere else"
    moved.mkdir()
    shutil.move(tmp_path / "audit", moved / "audit")
    assert store.sql(moved, "SELECT count(*) FROM events")[1] == [(1,)]
    assert not (tmp_path / "audit").exists()


def test_of_two_stores_side_by_side_each_shows_its_own(tmp_path: Path, record: Make) -> None:
    counts = {"one": 1, "it's another": 2}
    for name, count in counts.items():
        spool = Spool(tmp_path / name / "spool", "p1", "b1", segment_bytes_max=1 << 20)
        spool.start()
        for _ in range(count):
            spool.put(record())
        assert spool.close(60)
        with Ingester(tmp_path / name / "spool", tmp_path / name / "audit") as ingester:
            ingester.run_once()
    shutil.move(tmp_path / "it's another", tmp_path / "moved")
    store.ensure(tmp_path / "moved" / "audit")
    with duckdb.connect() as stock:
        for alias, name in (("a", "one"), ("b", "moved")):
            stock.execute(f"ATTACH '{store.path_of(tmp_path / name)}' AS {alias} (READ_ONLY)")
        for used in ("a", "b", "memory"):
            stock.execute(f"USE {used}")
            for table in ("events", "exchanges"):
                query = f"SELECT (SELECT count(*) FROM a.{table}), (SELECT count(*) FROM b.{table})"
                assert stock.execute(query).fetchall() == [(1, 2)]


def told(path: Path) -> list[tuple[object, ...]]:
    """Views, macros and comments of a store, but for what says where it is."""
    with duckdb.connect(path, read_only=True) as connection:
        query = """SELECT view_name, '', sql, comment FROM duckdb_views()
            WHERE NOT internal AND view_name <> 'weir_store'
            UNION ALL SELECT function_name, parameters::VARCHAR, macro_definition, comment
            FROM duckdb_functions() WHERE NOT internal AND function_name <> 'weir_place' ORDER BY ALL"""
        return connection.execute(query).fetchall()


def test_what_a_moved_store_takes_over_is_what_a_new_one_has(tmp_path: Path) -> None:
    with from_nothing():
        old, new = store.ensure(tmp_path / "old" / "audit"), store.ensure(tmp_path / "new" / "audit")
        shutil.copytree(old.parent, tmp_path / "moved" / "audit")
        moved = store.ensure(tmp_path / "moved" / "audit")
    shutil.rmtree(old.parent)
    assert told(moved) == told(new) and len(told(new)) > 20
    with duckdb.connect(moved, read_only=True) as one:
        for table in ("events", "findings", "tool_calls", "husks", "exchanges", "checkpoints"):
            assert one.execute(f"FROM {table}").fetchall() == []


def test_of_a_moved_store_that_is_broken_nothing_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.ensure(tmp_path / "audit")
    with from_nothing():
        now = store._versions(path)
        monkeypatch.setattr(store, "_versions", lambda _: ("elsewhere", now[1]))
        path.write_bytes(path.read_bytes()[:4096] + b"broken" * 1000)
        store.ensure(path.parent)
        monkeypatch.undo()
        assert store._versions(path) == now
        assert store.sql(tmp_path, "SELECT count(*) FROM events")[1] == [(0,)]
    assert [one.name for one in path.parent.glob("tmp/*")] == []


def test_a_mistake_in_a_query_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error):
        store.sql(tmp_path, "SELECT nothing_like_this FROM events")


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_text('{outside}')",
        "FROM read_text('{audit}/../secret.txt')",
        "FROM '{outside}'",
        "COPY (SELECT 1) TO '{outside}.new'",
        "ATTACH '{outside}.db' AS other",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "INSTALL httpfs",
        "CREATE VIEW mine AS SELECT 1",
        "DROP VIEW events",
    ],
)
def test_a_connection_reaches_no_file_outside_the_store(tmp_path: Path, query: str) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("planted\n")
    before = set(tmp_path.iterdir()) | {tmp_path / "audit"}
    with pytest.raises(duckdb.Error) as caught:
        store.sql(tmp_path, query.format(outside=outside, audit=tmp_path / "audit"))
    assert "planted" not in str(caught.value)
    assert set(tmp_path.iterdir()) == before


def test_two_connections_of_one_process_and_a_stock_one(tmp_path: Path) -> None:
    path = store.ensure(tmp_path / "audit")
    with (
        store.connect(tmp_path) as one,
        store.connect(tmp_path) as two,
        duckdb.connect(path, read_only=True) as stock,
    ):
        for connection in (one, two, stock):
            assert connection.execute("SELECT count(*) FROM events").fetchall() == [(0,)]


def test_now_is_a_time_with_a_zone(tmp_path: Path) -> None:
    ((now,),) = store.sql(tmp_path, "SELECT now()")[1]
    assert now.utcoffset().total_seconds() == 0


def test_times_are_utc(tmp_path: Path) -> None:
    assert store.sql(tmp_path, "SELECT current_setting('TimeZone')")[1] == [("UTC",)]
