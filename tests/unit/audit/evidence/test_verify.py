"""Every row of the spool against its chain and against the store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.sealedaudit import Spoiled
from weir.audit.evidence import copied
from weir.audit.evidence.verify import Verifier
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord
from weir.audit.spool.lines import GENESIS, seal, unseal
from weir.audit.spool.writer import Spool

Make = Callable[..., AuditRecord]


@pytest.fixture(params=[3, 20_000], ids=["short runs", "long runs"], autouse=True)
def runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copied, "RUN", request.param)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, record: Make) -> Path:
    """Ten rows of one boot in one segment, ingested in passes of four."""
    folder = tmp_path_factory.mktemp("verify")
    spool = Spool(folder / "spool", "p", "b")
    spool.start()
    for number in range(10):
        spool.put(record(user=f"u{number + 1}"))
    assert spool.close(60)
    with Ingester(folder / "spool", folder / "audit", rows_max=4) as ingester:
        assert ingester.run_once() == 10
    return folder


@pytest.fixture(scope="module")
def spoiled(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Spoiled:
    """A copy of it."""
    return Spoiled(made, tmp_path_factory.mktemp("spoiled") / "data")


@pytest.fixture
def data(spoiled: Spoiled) -> Iterator[Path]:
    """The copy, for one test."""
    yield spoiled.path
    spoiled.mend()


def told(data: Path) -> list[str]:
    return [str(problem) for problem in Verifier(data).problems()]


def rewrite(data: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    (path,) = (data / "spool").glob("*.jsonl")
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def resealed(lines: list[bytes]) -> Iterator[bytes]:
    """The lines with hashes that fit, as somebody makes them who knows how."""
    prev = GENESIS
    for line in lines:
        sealed, prev = seal(unseal(line)[0], prev)
        yield sealed


NAME = "p-b-000001.jsonl"


def test_a_whole_audit(data: Path) -> None:
    seen: list[tuple[int, int]] = []
    verifier = Verifier(data, lambda done, total: seen.append((done, total)))
    assert list(verifier.problems()) == []
    assert (verifier.rows, verifier.chains) == (10, 1)
    size = (data / "spool" / NAME).stat().st_size
    assert seen[-1] == (size, size) and seen == sorted(seen)


def test_rows_that_are_not_ingested_yet_are_no_problem(data: Path, record: Make) -> None:
    spool = Spool(data / "spool", "p", "c")
    spool.start()
    spool.put(record())
    assert spool.close(60)
    assert told(data) == []
    (data / "audit" / "cursor.json").unlink()
    assert told(data) == [], "nor when nobody knows how far the ingester was"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda ls: ls[:6], ["p-b: seq 7 to 10: the store has these rows, the spool does not"]),
        (
            lambda ls: [*ls[:4], *ls[6:]],
            ["p-b: removed: seq 5 to 6: rows are missing",
             "p-b: seq 5 to 6: the store has these rows, the spool does not"],
        ),
        (
            lambda ls: [*ls[:2], ls[2].replace(b'"u3"', b'"ux"'), *ls[3:]],
            [f"{NAME}:3: edited: seq 3: the row's text does not fit its hash"],
        ),
        (
            lambda ls: list(resealed([*ls[:8], ls[8].replace(b'"u9"', b'"ux"'), *ls[9:]])),
            [f"{NAME}:9: seq 9: the store has another row of this seq: one of them was rewritten",
             f"{NAME}:10: seq 10: the store has another row of this seq: one of them was rewritten"],
        ),
        (
            lambda ls: [b"hunter2\n", *ls[1:]],
            [f"{NAME}:1: broken: the line is no row: it does not end in its hashes",
             "p-b: removed: seq 1: rows are missing",
             "p-b: seq 1: the store has these rows, the spool does not"],
        ),
    ],
)  # fmt: skip
def test_a_spool_that_was_touched(
    data: Path, change: Callable[[list[bytes]], list[bytes]], expected: list[str]
) -> None:
    rewrite(data, change)
    assert sorted(told(data)) == sorted(expected)


def test_a_boot_that_is_gone(data: Path) -> None:
    (data / "spool" / NAME).unlink()
    assert told(data) == ["p-b: the spool's files are gone; the store has 10 of the rows"]


def test_a_store_that_lost_a_file(data: Path) -> None:
    slots = sorted((data / "audit").glob("hot/events/0*.parquet"))
    assert len(slots) == 3
    slots[1].unlink()
    problems = list(Verifier(data).problems())
    assert sum((one.seq_last or 0) - (one.seq or 0) + 1 for one in problems) == 4
    assert (problems[0].seq, problems[-1].seq_last) == (5, 8)
    assert all(one.file == NAME and "the store lacks" in one.text for one in problems)


def test_rows_gone_from_both_are_known_by_the_cursor(data: Path) -> None:
    sorted((data / "audit").glob("hot/events/0*.parquet"))[2].unlink()
    rewrite(data, lambda lines: lines[:8])
    assert told(data) == ["p-b: seq 9 to 10: these rows were recorded and are gone"]


def test_a_store_with_a_row_twice(data: Path) -> None:
    last = sorted((data / "audit").glob("hot/events/0*.parquet"))[2]
    shutil.copy(last, last.with_name("00099.parquet"))
    assert told(data) == [f"{NAME}:{number}: seq {number}: the store has this row 2 times" for number in (9, 10)]


def test_without_a_store_the_spool_is_still_read(data: Path) -> None:
    rewrite(data, lambda lines: [lines[0].replace(b'"u1"', b'"ux"'), *lines[1:]])
    next((data / "audit").glob("hot/events/0*.parquet")).write_bytes(b"no parquet")
    broken = told(data)
    assert broken[0].startswith("store: it does not answer (") and broken[1:] == [
        f"{NAME}:1: edited: seq 1: the row's text does not fit its hash"
    ]
    shutil.rmtree(data / "audit")
    assert told(data) == [
        "store: there is none: what follows is about the spool alone",
        f"{NAME}:1: edited: seq 1: the row's text does not fit its hash",
    ]
    assert not (data / "audit").exists()
