from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.record import TABLES
from weir.audit.store.parquet import LEVELS, ParquetFiles, open_engine, publish, quote


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ParquetFiles]:
    engine = open_engine()
    made = ParquetFiles(tmp_path / "audit", engine, owner="test")
    made.prepare()
    yield made
    engine.close()


ROW = {
    "event_id": "01a1fd45-bc4d-7669-b506-66d53cd0fd77",
    "proxy_id": "p",
    "boot_id": "b",
    "seq": 1,
    "ts": 1_700_000_000_000_001,
    "user": "a'n\"na",
    "user_groups": ["x", "y"],
    "stream": True,
    "extra": '{"a":"b"}',
}


def test_quote() -> None:
    assert quote("it's") == "'it''s'"


def test_prepare_makes_private_directories_with_empty_seeds_and_can_be_repeated(files: ParquetFiles) -> None:
    files.write_watermark((5, 3))
    files.prepare()
    assert files.read_watermark() == (5, 3)
    assert stat.S_IMODE(files.root.stat().st_mode) == 0o700
    for level in LEVELS:
        for table in TABLES:
            query = f"SELECT count(*) FROM {files.read(table, files.directory(level, table) / '*.parquet')}"
            assert files.engine.execute(query).fetchall() == [(0,)]
    assert list(files.temporary.iterdir()) == []


def test_rows_get_their_sql_types(files: ParquetFiles) -> None:
    target = files.directory("hot", "events") / "00000.parquet"
    files.write_rows("events", [ROW, {**ROW, "seq": 2, "event_id": "no uuid", "extra": "{broken"}], 9, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    rows = files.engine.execute(
        f'SELECT event_id::VARCHAR, typeof(event_id), ts::VARCHAR, "user", user_groups, stream, '
        f"extra, typeof(extra), device, batch FROM {files.read('events', target)} ORDER BY seq"
    ).fetchall()
    assert rows[0] == (
        ROW["event_id"], "UUID", "2023-11-14 22:13:20.000001", ROW["user"], ["x", "y"], True, ROW["extra"], "VARCHAR",
        None, 9,
    )  # fmt: skip
    assert rows[1][0] is None and rows[1][6] is None, "what cannot be converted is NULL and stops nothing"


def test_files_from_before_a_column_was_added_read_as_null(files: ParquetFiles) -> None:
    old = files.directory("hot", "events") / "00000.parquet"
    files.engine.execute(
        f"COPY (SELECT 7::UBIGINT AS seq, 'anna' AS name_of_then, 1::UBIGINT AS batch) TO '{old}' "
        "(FORMAT parquet, FIELD_IDS {seq: 5, name_of_then: 40, batch: 9999})"
    )
    pattern = files.directory("hot", "events") / "*.parquet"
    rows = files.engine.execute(f'SELECT seq, "user", cost_nano FROM {files.read("events", pattern)}').fetchall()
    assert rows == [(7, "anna", None)]


def test_no_rows_leave_no_file_but_empty_one_that_is_there(files: ParquetFiles) -> None:
    target = files.directory("hot", "findings") / "00000.parquet"
    files.write_rows("findings", [], 1, target)
    assert not target.exists()
    files.write_rows("findings", [{"detector": "d"}], 1, target)
    files.write_rows("findings", [], 2, target)
    assert files.batches("hot", "findings") == {}
    assert target.exists()


def test_merge_takes_the_batches_asked_for(files: ParquetFiles) -> None:
    sources = []
    for batch in (1, 2, 3):
        sources.append(files.directory("hot", "events") / f"{batch:05d}.parquet")
        files.write_rows("events", [{**ROW, "seq": batch}], batch, sources[-1])
    target = files.directory("warm", "events") / "00000.parquet"
    files.merge("events", [*sources, sources[0].with_name("99999.parquet")], 2, 3, target)
    assert files.batches("warm", "events") == {target: (2, 3)}
    assert files.engine.execute(f"SELECT seq FROM {files.read('events', target)}").fetchall() == [(2,), (3,)]


def test_publish_replaces_or_keeps(tmp_path: Path) -> None:
    made, target = tmp_path / "made", tmp_path / "target"
    made.write_text("one")
    publish(made, target, replace=False)
    made.write_text("two")
    publish(made, target, replace=False)
    assert target.read_text() == "one" and not made.exists()
    made.write_text("three")
    publish(made, target)
    assert target.read_text() == "three"


def test_a_directory_with_a_quote_in_its_name(tmp_path: Path) -> None:
    engine = open_engine()
    files = ParquetFiles(tmp_path / "o'hara", engine)
    files.prepare()
    assert files.read_watermark() == (0, 0)
    engine.close()
