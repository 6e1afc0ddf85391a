"""Checks of the audit: room, the chain's links, the ingester, the store."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool import room
from weir.audit.spool.writer import Spool
from weir.cli.checkup import store as checks
from weir.sections_audit import Disk


@contextmanager
def held(path: Path) -> Iterator[None]:
    """As long as it lasts, the file is locked, as by a running process."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def segment(data: Path) -> Path:
    (path,) = (data / "spool").glob("*.jsonl")
    return path


@pytest.mark.parametrize(("free", "status"), [(10 << 30, "ok"), (2 << 30, "warn"), (1 << 20, "fail")])
def test_space(store: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda path: free)
    found = checks.space(store, Disk())
    assert found.status == status
    assert ("5.0 GiB" in found.detail, "1.0 GiB" in found.detail) == (status == "warn", status == "fail")


def test_a_disk_that_the_policy_lets_get_full(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda path: 1 << 20)
    assert checks.space(store, Disk(warn=0, floor=0)).status == "ok"


def test_a_spool_that_cannot_be_written(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert checks.space(store, Disk()).status == "fail"


def test_before_the_first_start(tmp_path: Path) -> None:
    assert checks.space(tmp_path, Disk()).status == "warn"
    assert checks.chain(tmp_path).status == "warn"
    assert checks.ingester(tmp_path).status == "warn"
    assert checks.store(tmp_path).status == "warn"
    assert [result.status for result in checks.records(tmp_path)] == ["warn"]
    assert list(tmp_path.iterdir()) == []


def test_a_whole_chain(store: Path) -> None:
    result = checks.chain(store)
    assert (result.status, result.detail) == ("ok", "the last 4 rows hang together")


def test_a_line_still_being_written_is_no_problem(store: Path) -> None:
    with segment(store).open("ab") as file:
        file.write(b'{"proxy_id":')
    assert checks.chain(store).status == "ok"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda lines: [lines[0].replace(b'"ann"', b'"eve"'), *lines[1:]], ":1: the row was edited"),
        (lambda lines: [lines[0], *lines[2:]], ":2: the link to the row before is broken"),
        (lambda lines: lines[1:], ":1: the link to the row before is broken"),
        (lambda lines: [lines[0], b"hunter2\n", *lines[1:]], ":2: it does not end in its hashes"),
    ],
)
def test_a_chain_that_was_touched(store: Path, change, problem: str) -> None:
    path = segment(store)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    result = checks.chain(store)
    assert result.status == "fail"
    assert result.detail == path.name + problem


def test_lost_records_are_told(store: Path) -> None:
    spool = Spool(store / "spool", "weir-test", "boot2", segment_bytes_max=1 << 20)
    spool.start()
    spool.put(AuditRecord(event_id=new_event_id(), kind="gap", ts=now_us(), dropped=3))
    spool.close(10)
    result = checks.chain(store)
    assert result.status == "warn"
    assert "1 say that records were lost" in result.detail


def test_only_the_end_of_a_long_spool_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool", "weir-test", "boot1", segment_bytes_max=2048)
    spool.start()
    for _ in range(40):
        spool.put(AuditRecord(event_id=new_event_id(), kind="request", ts=now_us()))
        spool.flush(10)
    spool.close(10)
    paths = sorted((tmp_path / "spool").glob("*.jsonl"))
    assert len(paths) > 4
    first = paths[0].read_bytes()
    paths[0].write_bytes(first.replace(b'"request"', b'"tamper!"', 1))
    assert checks.chain(tmp_path).status == "fail"
    monkeypatch.setattr(checks, "TAIL_BYTES", 3000)
    result = checks.chain(tmp_path)
    assert result.status == "ok"
    assert 0 < int(result.detail.split()[2]) < 40
    # The links between the files that are read count as much as those inside them.
    paths[-1].write_bytes(b"".join(paths[-1].read_bytes().splitlines(keepends=True)[1:]))
    assert checks.chain(tmp_path).status == "fail"


def test_an_ingester_that_keeps_up(store: Path) -> None:
    assert checks.ingester(store).detail == "does not run, as weir doesn't; the store has all of the spool"
    with held(store / "audit" / "ingest.lock"):
        assert checks.ingester(store).detail == "runs; the store has all of the spool"


def test_an_ingester_that_is_missing(store: Path) -> None:
    with held(segment(store)):
        assert checks.ingester(store).status == "fail"
        with held(store / "audit" / "ingest.lock"):
            assert checks.ingester(store).status == "ok"


def test_an_ingester_that_lags(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "audit" / "cursor.json").unlink()
    assert checks.ingester(store).status == "warn"
    monkeypatch.setattr(checks, "LAG_BYTES", 10)
    with held(store / "audit" / "ingest.lock"):
        assert checks.ingester(store).status == "warn"


def test_a_store_that_answers(store: Path) -> None:
    result = checks.store(store)
    assert result.status == "ok"
    assert result.detail.startswith("4 events, the newest of 20")


def test_a_store_that_does_not(store: Path) -> None:
    (path,) = (store / "audit").glob("hot/events/0*.parquet")
    path.write_bytes(b"no parquet")
    result = checks.store(store)
    assert result.status == "fail"
    assert "\n" not in result.detail


def test_records_that_agree(store: Path) -> None:
    (result,) = checks.records(store)
    assert (result.status, result.detail[:14]) == ("ok", "4 in the store")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda store: segment(store).unlink(), "weir-test-boot1: the spool's files are gone; the store has 4"),
        (
            lambda store: segment(store).write_bytes(b"".join(segment(store).read_bytes().splitlines(True)[:2])),
            "boot1-000001.jsonl: seq 3 to 4: the end of the spool was cut off",
        ),
        (
            lambda store: [path.unlink() for path in (store / "audit").glob("hot/*/0*.parquet")],
            "weir-test-boot1: the store lacks 4 of the first 4 rows",
        ),
    ],
)
def test_what_was_taken_away_fails_with_its_name_and_a_remedy(store: Path, change, problem: str) -> None:
    change(store)
    (result,) = checks.records(store)
    assert result.status == "fail"
    assert problem in result.detail
    assert result.remedy


def test_many_problems_are_told_up_to_a_bound(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_SHOWN", 0)
    segment(store).unlink()
    (result,) = checks.records(store)
    assert (result.status, result.detail) == ("fail", "and 1 more")


def test_records_without_a_store_or_with_a_broken_one(store: Path) -> None:
    (path,) = (store / "audit").glob("hot/events/0*.parquet")
    path.write_bytes(b"no parquet")
    assert checks.records(store)[0].status == "fail"
    shutil.rmtree(store / "audit")
    assert [result.status for result in checks.records(store)] == ["warn"]
    assert not (store / "audit").exists()
