from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.conftest import make_record
from unit.audit.exports.places import boot, ingest, texts
from weir.audit.exports.reading import Reader
from weir.audit.record import now_us
from weir.audit.spool.writer import Spool


def everything(reader: Reader, rows: int = 7) -> list[str]:
    found: list[str] = []
    while True:
        items = reader.batch(rows)
        assert all(item.row is not None for item in items), items
        found += texts([item.row for item in items])
        if reader.exhausted:
            return found


def test_chains_one_after_the_other_by_their_time(tmp_path: Path) -> None:
    made = boot(tmp_path, "zz", 10, segment=2_000) + boot(tmp_path, "aa", 10, segment=2_000)
    assert len(list((tmp_path / "spool").glob("*.jsonl"))) > 4
    reader = Reader(tmp_path, {})
    assert everything(reader) == made
    assert reader.mark() == {"p1-zz": 10, "p1-aa": 10}


@pytest.mark.parametrize("at", range(0, 21, 3))
def test_from_any_cursor_on_and_back_again(tmp_path: Path, at: int) -> None:
    made = boot(tmp_path, "b1", 20, segment=3_000)
    reader = Reader(tmp_path, {"p1-b1": at} if at else {})
    assert everything(reader) == made[at:]
    reader.rewind()
    reader.batch(2)
    reader.mark()
    reader.batch(3)
    reader.rewind()
    assert everything(reader) == made[at + 2 :]


def test_it_follows_a_writer_into_new_segments_and_boots(tmp_path: Path) -> None:
    reader, made, found = Reader(tmp_path, {}), [], []
    for name in ("b1", "b2"):
        spool = Spool(tmp_path / "spool", "p1", name, segment_bytes_max=2_000)
        spool.start()
        for _ in range(9):
            record = make_record()
            made.append(record.event_id)
            spool.put(record)
            spool.flush(5)
            found += everything(reader)
        assert spool.close(60)
    assert found == made


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 2)
    (path,) = (tmp_path / "spool").glob("*.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    reader = Reader(tmp_path, {})
    assert everything(reader) == made[:1] and everything(reader) == []
    path.write_bytes(whole)
    assert everything(reader) == made[1:]


def test_a_broken_line_holds_up_nothing(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 3)
    (path,) = (tmp_path / "spool").glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"user":"secret' + lines[1] + lines[2])
    items = Reader(tmp_path, {}).batch(10)
    assert [item.seq for item in items] == [1, 2, 3] and texts([item.row for item in items]) == [made[0], made[2]]
    assert "no JSON" in items[1].problem and "secret" not in items[1].problem


def test_what_is_older_is_passed_over(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 30, ts=1_000)
    made = boot(tmp_path, "b2", 2)
    reader = Reader(tmp_path, {}, since=2_000)
    assert everything(reader, rows=1) == made
    assert reader.mark() == {"p1-b1": 30, "p1-b2": 2}


def test_compressed_or_not_is_the_same(tmp_path: Path) -> None:
    from weir.audit.spool.frames import compress

    made = boot(tmp_path, "b1", 20, segment=3_000)
    reader = Reader(tmp_path, {})
    first = texts([item.row for item in reader.batch(3)])
    for path in sorted((tmp_path / "spool").glob("*.jsonl")):
        with path.open("rb") as lines, path.with_name(path.name + ".zst").open("wb") as packed:
            compress(lines, packed)
        path.unlink()
    assert first + everything(reader) == made
    assert everything(Reader(tmp_path, {"p1-b1": 11})) == made[11:]


def test_what_the_spool_has_no_more_comes_from_the_store(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 12, segment=2_000) + boot(tmp_path, "b2", 3)
    ingest(tmp_path)
    kept = sorted((tmp_path / "spool").glob("p1-b1-*.jsonl"))
    for path in kept[:-1]:
        path.unlink()
    assert everything(Reader(tmp_path, {})) == made
    assert everything(Reader(tmp_path, {"p1-b1": 4})) == made[4:]
    kept[-1].unlink()
    assert everything(Reader(tmp_path, {"p1-b1": 4})) == made[4:]
    assert everything(Reader(tmp_path, {}, since=now_us() + 1_000_000)) == []


def test_rows_that_are_nowhere_any_more_are_told(tmp_path: Path) -> None:
    made = boot(tmp_path, "b1", 12, segment=2_000)
    paths = sorted((tmp_path / "spool").glob("*.jsonl"))
    paths[0].unlink()
    paths[1].unlink()
    items = Reader(tmp_path, {"p1-b1": 1}).batch(100)
    assert "in neither spool nor store" in items[0].problem and "from seq 2 to" in items[0].problem
    assert texts([item.row for item in items]) == made[items[0].seq :]
    # A new export never asked for them.
    assert all(item.row for item in Reader(tmp_path, {}).batch(100))


def test_before_there_is_anything(tmp_path: Path) -> None:
    reader = Reader(tmp_path, {})
    assert reader.batch(5) == [] and reader.exhausted and reader.mark() == {}
