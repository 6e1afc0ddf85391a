"""When the disk gets full it is told before, once, and again when it is well."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from harness.rig import Rig
from weir.audit.spool import room as module
from weir.audit.spool.room import Room
from weir.audit.spool.writer import Spool
from weir.edge.process.diskspace import DiskSpace

GIB = 1 << 30


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.ledger.room = Room(tmp_path, made.state.snapshot.settings.audit.disk, clock=iter(range(10_000)).__next__)
    return made


def test_each_change_is_told_once(rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watch, free = DiskSpace(rig.state), [9.0]
    monkeypatch.setattr(module, "free_bytes", lambda path: int(free[0] * GIB))
    for now, said in [
        (9.0, ""),
        (4.9, "4.9 GiB free on the disk, below audit.disk.warn (5.0 GiB)"),
        (4.8, ""),
        (5.1, ""),  # a little more than the limit: it may be less in a moment
        (
            0.9,
            "922 MiB free on the disk, below audit.disk.floor (1.0 GiB): nothing is written, on_failure decides: block",
        ),
        (1.01, ""),
        (2.0, "2.0 GiB free on the disk, below audit.disk.warn (5.0 GiB); records are written again"),
        (5.3, "5.3 GiB free on the disk: enough again"),
        (0.5, "512 MiB free on the disk, below audit.disk.floor"),
        (8.0, "8.0 GiB free on the disk: enough again"),
    ]:
        before, free[0] = len(rig.ledger.records), now
        asyncio.run(watch.look())
        told = [record.reason for record in rig.ledger.records[before:]]
        assert (told[0].startswith(said) and told[0] in caplog.text) if said else not told
        assert {record.kind for record in rig.ledger.records} <= {"config"}


def test_a_spool_without_a_limit_is_left_alone(rig: Rig) -> None:
    rig.ledger.room = None
    asyncio.run(DiskSpace(rig.state).look())
    assert rig.ledger.records == []


def test_it_looks_as_long_as_weir_runs(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda path: 0)
    watch = DiskSpace(rig.state)
    told = asyncio.Event()
    monkeypatch.setattr(rig.ledger, "put", lambda record: told.set())

    async def run() -> None:
        await watch.running()
        await asyncio.wait_for(told.wait(), 60)
        await watch.done()

    asyncio.run(run())


def test_a_disk_that_does_not_answer_holds_up_no_request(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, answers = threading.Event(), threading.Event()

    def asked(path: Path) -> int:
        gone.set()
        assert answers.wait(10)
        return 0

    monkeypatch.setattr(module, "free_bytes", asked)
    spool = Spool(tmp := rig.state.data.spool, "p1", "b1", room=Room(tmp, rig.state.snapshot.settings.audit.disk))
    rig.ledger.room = spool.room

    async def run() -> None:
        looking = asyncio.create_task(DiskSpace(rig.state).look())
        while not gone.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert not spool.full  # as far as anybody knows; it was not waited for
        answers.set()
        await looking
        assert spool.full

    asyncio.run(run())
