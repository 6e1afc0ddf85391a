"""The spool on a full or failing disk and under kill -9."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import weir
from weir.audit.record import AuditRecord, new_event_id
from weir.audit.spool import segment as segment_module
from weir.audit.spool.writer import Spool, SpoolUnavailable, replay, verify_chain

Make = Callable[..., AuditRecord]


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition that another thread brings about; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


# --- full disk ---------------------------------------------------------------------------------------------------


@dataclass
class Disk:
    """A small disk that can be filled and freed."""

    path: Path
    fill: Callable[[], None]
    free: Callable[[], None]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A real tmpfs of 512 KiB where mounting is allowed, else a disk whose calls answer ENOSPC."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(tmp_path)], capture_output=True)
    if mounted.returncode == 0:
        ballast = tmp_path / "ballast"

        def fill() -> None:
            with ballast.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError as error:
                    assert error.errno == errno.ENOSPC

        yield Disk(tmp_path, fill, ballast.unlink)
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
        return
    full = threading.Event()
    real = segment_module.reserve

    def reserve(fd: int, size: int) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd, size)

    monkeypatch.setattr(segment_module, "reserve", reserve)
    yield Disk(tmp_path, full.set, full.clear)


def test_a_full_disk_refuses_strict_keeps_what_it_can_and_recovers(disk: Disk, record: Make) -> None:
    spool = Spool(disk.path / "spool", "p", "b", segment_bytes_max=64 << 10, queue_max=200, retry_s=0.02)
    spool.start()
    spool.put(record(user="before"))
    assert spool.flush(60)
    disk.fill()
    written = 1
    while spool.healthy:  # until the segment that was reserved is full
        spool.put(record(user=f"kept{written}"))
        written += 1
        spool.flush(0.05)
        assert written < 1_000

    async def strict() -> None:
        with pytest.raises(SpoolUnavailable, match="No space left"):
            await spool.durable(record(user="refused"))

    asyncio.run(strict())
    with pytest.raises(SpoolUnavailable, match="No space left"):
        spool.put(record(user="refused"), strict=True)
    for number in range(300):
        spool.put(record(user=f"late{number}"))
    assert not spool.healthy and spool.lag == 200
    disk.free()
    assert spool.flush(60) and spool.healthy
    spool.put(record(user="after"))
    assert spool.close(60)
    rows = list(replay(disk.path / "spool"))
    gaps = [row for row in rows if row["kind"] == "gap"]
    assert gaps[-1]["ts_end"] > gaps[-1]["ts"] and "No space left" in gaps[-1]["reason"]
    assert sum(gap["dropped"] for gap in gaps) + len(rows) - len(gaps) == written + 2 + 300 + 1
    users = [row.get("user") for row in rows]
    assert users[0] == "before" and users[-1] == "after" and "refused" not in users
    assert verify_chain(disk.path / "spool") == []


def test_a_disk_that_is_full_at_the_start_is_unhealthy_until_it_is_not(disk: Disk, record: Make) -> None:
    disk.fill()
    spool = Spool(disk.path / "spool", "p", "b", segment_bytes_max=64 << 10, retry_s=0.02)
    (disk.path / "spool").mkdir(exist_ok=True)
    spool.start()
    assert not spool.healthy
    spool.put(record(user="early"))
    disk.free()
    assert spool.flush(60) and spool.healthy and spool.close(5)
    assert [row["kind"] for row in replay(disk.path / "spool")] == ["response", "gap"]


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_write_that_fails_in_mid_line_is_repeated(
    tmp_path: Path, spool: Spool, record: Make, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(os, call)
    failures = iter([True, True])

    def fails(fd: int, *rest: object) -> object:
        if next(failures, False):
            if rest:
                os.pwrite_real(fd, bytes(rest[0])[:25], rest[1])  # type: ignore[attr-defined, call-overload]
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, *rest)

    monkeypatch.setattr(os, "pwrite_real", os.pwrite, raising=False)
    monkeypatch.setattr(os, call, fails)
    waiting = asyncio.run(_unavailable(spool, record(user="first")))
    assert "No space" in waiting
    eventually(lambda: spool.healthy)
    spool.put(record(user="second"))
    assert spool.flush(60)
    rows = list(replay(tmp_path / "spool"))
    assert sorted(row.get("user", row["kind"]) for row in rows) == ["first", "gap", "second"]
    assert next(row for row in rows if row["kind"] == "gap")["dropped"] == 0
    assert verify_chain(tmp_path / "spool") == []


async def _unavailable(spool: Spool, record: AuditRecord) -> str:
    with pytest.raises(SpoolUnavailable) as caught:
        await spool.durable(record)
    return str(caught.value)


def test_closing_on_a_full_disk_does_not_hang_and_says_so(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, "p", "b", retry_s=0.02)
    spool.start()

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    spool.put(record())
    begin = time.monotonic()
    assert spool.close(0.3) is False
    assert time.monotonic() - begin < 45


# --- kill -9 -----------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, sys
from pathlib import Path
from weir.audit.record import AuditRecord, new_event_id
from weir.audit.spool.writer import Spool
spool = Spool(Path(sys.argv[1]), "p", sys.argv[2], segment_bytes_max=1 << 17)
spool.start()
async def client():
    while True:
        one = AuditRecord(event_id=new_event_id(), kind="request", host="api.openai.com")
        spool.put(AuditRecord(event_id=new_event_id(), kind="meter"))
        await spool.durable(one)
        print(one.event_id, flush=True)
async def main():
    await asyncio.gather(*(client() for _ in range(32)))
asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [1, 400, 2_500])
def test_kill_9_loses_no_acknowledged_record(tmp_path: Path, acknowledged: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), new_event_id()],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(weir.__file__).parent.parent)},
    )
    assert child.stdout is not None
    told = [child.stdout.readline().strip() for _ in range(acknowledged)]
    child.send_signal(signal.SIGKILL)
    told += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.wait(10)
    child.stdout.close()
    kept = {row["event_id"] for row in replay(tmp_path)}
    assert len(told) >= acknowledged and set(told) <= kept
    assert verify_chain(tmp_path) == []
