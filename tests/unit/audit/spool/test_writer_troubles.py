"""The spool when its directory is taken away, when the disk gets too full, and when the clock goes back."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord, new_event_id
from weir.audit.spool import room as room_module
from weir.audit.spool import segment as segment_module
from weir.audit.spool.chain import replay, verify_chain
from weir.audit.spool.room import Room
from weir.audit.spool.writer import Spool, SpoolUnavailable
from weir.sections_audit import Disk

Make = Callable[..., AuditRecord]


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition that another thread brings about; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


# --- the directory is taken away, or the disk gets too full -------------------------------------------------------


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_directory_that_is_taken_away_is_told_and_made_again(
    tmp_path: Path, record: Make, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder, aside = tmp_path / "spool", tmp_path / "aside"
    spool = Spool(folder, "p", "b", retry_s=0.02)
    spool.start()

    async def one(user: str) -> None:
        await spool.durable(record(user=user))

    asyncio.run(one("before"))
    if how == "removed":
        shutil.rmtree(folder)
    else:
        folder.rename(aside)
    if how == "replaced":
        folder.mkdir()
    with pytest.raises(SpoolUnavailable, match="moved or removed"):
        asyncio.run(one("refused"))
    assert spool.flush(60) and spool.healthy
    assert f"cannot write to {folder}: its file was moved or removed" in caplog.text
    asyncio.run(one("after"))
    assert spool.close(60)
    rows = list(replay(folder))
    assert [row["kind"] for row in rows] == ["response", "gap", "response"] and rows[-1]["user"] == "after"
    assert "moved or removed" in rows[1]["reason"]
    (lost,) = verify_chain(folder)
    assert lost.endswith("rows are missing: seq 1 was expected")
    if how != "removed":
        assert [row["user"] for row in replay(aside)] == ["before"], "what was not acknowledged is not there"
        for path in aside.iterdir():
            path.rename(folder / path.name)
        assert verify_chain(folder) == [], "put back, the chain is whole"


def test_a_file_that_was_moved_while_it_was_made_shares_its_name_with_no_other(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its directory is moved between the making of a file and the syncing of its name, and put back later."""
    folder, aside = tmp_path / "spool", tmp_path / "aside"
    spool, sync = Spool(folder, "p", "b", segment_bytes_max=1, retry_s=0.02), segment_module.sync_directory

    def moved(directory: Path) -> None:
        monkeypatch.setattr(segment_module, "sync_directory", sync)
        directory.rename(aside)
        sync(directory)

    spool.start()
    spool.put(record(user="first"))
    assert spool.flush(60)
    monkeypatch.setattr(segment_module, "sync_directory", moved)
    spool.put(record(user="second"))
    assert spool.flush(60) and spool.close(10)
    assert not {path.name for path in aside.iterdir()} & {path.name for path in folder.iterdir()}
    for path in aside.iterdir():
        path.rename(folder / path.name)
    assert [row["user"] for row in map(json.loads, lines_of(folder)) if row["kind"] != "gap"] == ["first", "second"]


def lines_of(folder: Path) -> list[bytes]:
    """All lines of a spool in their order."""
    return [line for path in sorted(folder.iterdir()) for line in path.read_bytes().splitlines()]


def test_while_the_directory_cannot_be_made_it_is_refused(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path / "data" / "spool", "p", "b", retry_s=0.02)
    spool.start()
    shutil.rmtree(tmp_path / "data")
    spool.put(record(user="early"))
    eventually(lambda: not spool.healthy)
    with pytest.raises(SpoolUnavailable):
        spool.put(record(user="refused"), strict=True)
    (tmp_path / "data").mkdir()
    assert spool.flush(60) and spool.close(10)
    assert [row["kind"] for row in replay(tmp_path / "data" / "spool")] == ["response", "gap"]


def test_below_the_floor_nothing_is_written_and_above_it_goes_on(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, now = [100 << 20], [0.0]
    monkeypatch.setattr(room_module, "free_bytes", lambda path: free[0])
    room = Room(tmp_path, Disk(warn=60 << 20, floor=50 << 20), clock=lambda: now[0])
    spool = Spool(tmp_path / "spool", "p", "b", retry_s=0.02, room=room)
    spool.start()
    spool.put(record(user="before"))
    assert spool.flush(60) and not spool.full
    (path,) = (tmp_path / "spool").iterdir()
    assert path.stat().st_blocks * 512 <= 51 << 20, "what is set aside leaves the floor alone"
    size = path.stat().st_size
    free[0] = 49 << 20
    now[0] += 1
    assert room.full() and spool.full
    spool.put(record(user="late"))
    eventually(lambda: not spool.healthy)
    with pytest.raises(SpoolUnavailable, match=r"audit\.disk\.floor"):
        asyncio.run(spool.durable(record(user="refused")))
    assert path.stat().st_size == size
    free[0] = 51 << 20
    now[0] += 1
    assert spool.flush(60) and spool.healthy and spool.close(10)
    rows = list(replay(tmp_path / "spool"))
    assert [row.get("user") for row in rows] == ["before", "late", None]
    assert rows[-1]["dropped"] == 1 and "audit.disk.floor" in rows[-1]["reason"] and rows[-1]["ts_end"] > rows[-1]["ts"]


def test_too_little_above_the_floor_for_a_segment_is_refused(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "free_bytes", lambda path: (50 << 20) + 100)
    spool = Spool(tmp_path / "spool", "p", "b", room=Room(tmp_path, Disk(warn=60 << 20, floor=50 << 20)))
    spool.start()
    assert not spool.healthy and list((tmp_path / "spool").iterdir()) == []
    spool.close(0)


# --- the clock ----------------------------------------------------------------------------------------------------


def test_a_clock_that_goes_back_changes_no_order_and_no_duration(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows keep the order of their seq though their times go back; how long an outage took is not the clock's word."""
    back, real_clock, real_write = [0], time.time_ns, os.pwrite
    monkeypatch.setattr(time, "time_ns", lambda: real_clock() - back[0])
    refuses = threading.Event()

    def pwrite(fd: int, data: memoryview, at: int) -> int:
        if refuses.is_set():
            raise OSError(errno.EIO, "Input/output error")
        return real_write(fd, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    spool = Spool(tmp_path / "spool", "p", "b", retry_s=0.02)
    spool.start()
    spool.put(record(event_id=new_event_id(), user="first"))
    assert spool.flush(60)
    refuses.set()
    spool.put(record(event_id=new_event_id(), user="second"))
    eventually(lambda: not spool.healthy)
    back[0] = 3_600_000_000_000
    refuses.clear()
    assert spool.flush(60)
    spool.put(record(event_id=new_event_id(), user="third"))
    assert spool.close(60)
    rows = list(replay(tmp_path / "spool"))
    assert [row.get("user") for row in rows] == ["first", "second", None, "third"]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4] and verify_chain(tmp_path / "spool") == []
    assert rows[3]["event_id"] < rows[0]["event_id"] and rows[3]["ts"] < rows[0]["ts"]
    assert 0 < rows[2]["ts_end"] - rows[2]["ts"] < 10_000_000
