"""What spool, store and cursor tell about each other by counts alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.sealedaudit import Spoiled
from weir.audit.evidence.compare import Problem, compare, what_is_there
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord
from weir.audit.spool.writer import Spool

Make = Callable[..., AuditRecord]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory, record: Make) -> Spoiled:
    """Two boots, the first of them in several segments, all of it in the store."""
    tmp_path = tmp_path_factory.mktemp("compare")
    for boot, count in (("one", 12), ("two", 3)):
        spool = Spool(tmp_path / "spool", "p", boot, segment_bytes_max=2048)
        spool.start()
        for _ in range(count):
            spool.put(record())
            assert spool.flush(60)
        assert spool.close(60)
    ingest(tmp_path)
    return Spoiled(tmp_path, tmp_path_factory.mktemp("spoiled") / "data")


@pytest.fixture
def data(spoiled: Spoiled) -> Iterator[Path]:
    """For one test."""
    yield spoiled.path
    spoiled.mend()


def ingest(data: Path) -> int:
    with Ingester(data / "spool", data / "audit") as ingester:
        return ingester.run_once()


def files(data: Path, boot: str) -> list[Path]:
    return sorted((data / "spool").glob(f"p-{boot}-*.jsonl"))


def cut(path: Path, keep: int) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:keep]))


def told(data: Path) -> list[str]:
    return [str(problem) for problem in compare(data)[1]]


def test_what_agrees(data: Path) -> None:
    assert len(files(data, "one")) > 2
    assert compare(data) == (15, [])


def test_rows_that_are_not_ingested_yet_are_no_difference(data: Path, record: Make) -> None:
    spool = Spool(data / "spool", "p", "three")
    spool.start()
    spool.put(record())
    assert spool.close(60)
    assert compare(data) == (15, [])


def test_a_lost_cursor_is_no_difference(data: Path) -> None:
    (data / "audit" / "cursor.json").unlink()
    assert compare(data) == (15, [])


def test_a_boot_that_is_gone(data: Path) -> None:
    for path in files(data, "one"):
        path.unlink()
    assert told(data) == ["p-one: the spool's files are gone; the store has 12 of the rows"]
    ingest(data)
    assert len(told(data)) == 1, "also after the ingester has been there"


def test_a_boot_that_is_gone_from_both(data: Path) -> None:
    for path in (*files(data, "one"), *files(data, "two"), *(data / "audit").glob("hot/*/0*.parquet")):
        path.unlink()
    assert [text.partition(":")[2] for text in told(data)] == [
        " 12 rows were recorded and are gone, from the spool and from the store",
        " 3 rows were recorded and are gone, from the spool and from the store",
    ]
    ingest(data)
    assert len(told(data)) == 2


def test_a_segment_that_is_gone(data: Path) -> None:
    first, second, *_, last = files(data, "one")
    second.unlink()
    (problem,) = compare(data)[1]
    assert "was expected" in problem.text and problem.file > first.name
    first.unlink()
    assert "seq 1 was expected" in told(data)[0]
    last.unlink()
    assert any("the end of the spool was cut off" in text for text in told(data))


def test_an_end_that_was_cut_off(data: Path) -> None:
    (path,) = files(data, "two")
    cut(path, 1)
    (problem,) = compare(data)[1]
    assert (problem.file, problem.seq, problem.seq_last) == (path.name, 2, 3)
    assert problem.remedy


def test_a_store_that_lost_files(data: Path) -> None:
    for path in (data / "audit").glob("hot/events/0*.parquet"):
        path.unlink()
    assert told(data) == [
        "p-one: the store lacks 12 of the first 12 rows",
        "p-two: the store lacks 3 of the first 3 rows",
    ]


def test_a_store_that_has_rows_twice(data: Path) -> None:
    (path,) = (data / "audit").glob("hot/events/0*.parquet")
    shutil.copy(path, path.with_name("00099.parquet"))
    assert told(data)[0] == "p-one: the store has 12 rows more than once"


def test_what_is_there(data: Path, tmp_path: Path) -> None:
    assert what_is_there(data) == (True, True)
    assert what_is_there(data / "nowhere") == (False, False)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("c", "t", "r"), "c: t"),
        (Problem("c", "t", "r", file="f"), "f: t"),
        (Problem("c", "t", "r", file="f", line=3, seq=4), "f:3: seq 4: t"),
        (Problem("c", "t", "r", seq=4, seq_last=4), "c: seq 4: t"),
        (Problem("c", "t", "r", seq=4, seq_last=9), "c: seq 4 to 9: t"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text
