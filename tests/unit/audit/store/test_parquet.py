from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.store.parquet import SEED, Marks, ParquetFiles, open_engine, publish, quote
from weir.audit.store.tables import LEVELS


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ParquetFiles]:
    engine = open_engine()
    made = ParquetFiles(tmp_path / "audit", engine, owner="test")
    made.prepare()
    yield made
    engine.close()


def test_quote() -> None:
    assert quote("it's") == "'it''s'"


def test_prepare_makes_private_directories_with_empty_seeds_and_can_be_repeated(files: ParquetFiles) -> None:
    files.write_marks(Marks(5, 3, (7, 8), version=1))
    files.prepare()
    assert files.read_marks() == Marks(5, 3, (7, 8), version=1)
    assert stat.S_IMODE(files.root.stat().st_mode) == 0o700
    for level, tables in LEVELS.items():
        for table in tables:
            assert files.engine.execute(f"SELECT count(*) FROM {files.every(level, table)}").fetchall() == [(0,)]
            assert min(files.directory(level, table).glob("*")).name == SEED, "it is opened first"
            assert min(SEED, "0", "A", "_") == SEED
    assert list(files.temporary.iterdir()) == []


def test_the_newest_marks_count_and_older_ones_can_go(files: ParquetFiles) -> None:
    for version in (1, 2, 3):
        files.write_marks(Marks(version, 0, (), version))
    assert len(list(files.marks.glob("*.parquet"))) == 4 and files.read_marks().warm == 3
    files.forget_marks(3, lambda: False)
    assert len(list(files.marks.glob("*.parquet"))) == 4
    files.forget_marks(3, lambda: True)
    assert len(list(files.marks.glob("*.parquet"))) == 1 and files.read_marks() == Marks(3, 0, (), 3)


def test_files_from_before_a_column_was_added_read_as_null(files: ParquetFiles) -> None:
    old = files.directory("hot", "events") / "00000.parquet"
    files.engine.execute(
        f"COPY (SELECT 7::UBIGINT AS seq, 'anna' AS name_of_then, 1::UBIGINT AS batch) TO '{old}' "
        "(FORMAT parquet, FIELD_IDS {seq: 5, name_of_then: 40, batch: 9999})"
    )
    pattern = files.directory("hot", "events") / "*.parquet"
    rows = files.engine.execute(f'SELECT seq, "user", cost_nano FROM {files.read("events", pattern)}').fetchall()
    assert rows == [(7, "anna", None)]


def one(files: ParquetFiles, batch: int, target: Path) -> None:
    row = files.nothing("events").removesuffix(" WHERE false")
    files.write(f"SELECT * REPLACE ({batch}::UBIGINT AS seq, {batch}::UBIGINT AS batch) FROM ({row})", "events", target)


def test_merge_takes_the_batches_asked_for(files: ParquetFiles) -> None:
    sources = []
    for batch in (1, 2, 3):
        sources.append(files.directory("hot", "events") / f"{batch:08d}.parquet")
        one(files, batch, sources[-1])
    assert stat.S_IMODE(sources[0].stat().st_mode) == 0o640
    target = files.directory("warm", "events") / "00000000.parquet"
    files.merge("events", [*sources, sources[0].with_name("99999999.parquet")], 2, 3, target)
    assert files.batches("warm", "events") == {target: (2, 3)} and files.rows("warm", "events")[target] == 2
    assert files.engine.execute(f"SELECT seq FROM {files.read('events', target)}").fetchall() == [(2,), (3,)]
    files.merge("events", [], 1, 9, target.with_name("00000001.parquet"))
    assert not target.with_name("00000001.parquet").exists()


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
    assert files.read_marks() == Marks()
    engine.close()


def test_an_engine_is_opened_when_it_is_needed_and_one_that_was_given_stays_open(tmp_path: Path) -> None:
    engine = open_engine()
    ParquetFiles(tmp_path, engine).close()
    assert engine.execute("SELECT 1").fetchall() == [(1,)]
    engine.close()
    files = ParquetFiles(tmp_path)
    files.close()
    assert files.engine.execute("SELECT 1").fetchall() == [(1,)] and files.engine is files.engine
    files.close()
    assert files.engine.execute("SELECT 2").fetchall() == [(2,)], "a new one"
    files.close()


def test_of_a_directory_with_the_seed_alone_nothing_is_asked(files: ParquetFiles) -> None:
    assert not files.filled("hot", "events")
    assert files.rows("hot", "events") == {} == files.batches("hot", "events")
    files.write(files.nothing("events"), "events", files.directory("hot", "events") / "00000001.parquet")
    assert files.filled("hot", "events")
    assert {path.name: count for path, count in files.rows("hot", "events").items()} == {SEED: 0, "00000001.parquet": 0}
