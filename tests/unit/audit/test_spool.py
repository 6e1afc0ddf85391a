"""The spool under load, kill -9 and a full disk."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import weir
from weir.audit import segment as segment_module
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.audit.spool import Spool, SpoolUnavailable, replay, verify_chain

Make = Callable[..., AuditRecord]


def eventually(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a condition that another thread brings about; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_records_come_back_in_order_with_a_whole_chain(tmp_path: Path, spool: Spool, record: Make) -> None:
    for number in range(3_000):
        spool.put(record(user=f"u{number}", findings=(FindingRow(ord=0, detector="d"),)))
    assert spool.flush(10) and spool.lag == 0 and spool.healthy
    rows = list(replay(tmp_path / "spool"))
    assert [row["user"] for row in rows] == [f"u{number}" for number in range(3_000)]
    assert [row["seq"] for row in rows] == list(range(1, 3_001))
    assert verify_chain(tmp_path / "spool") == []
    assert len(list((tmp_path / "spool").iterdir())) > 1, "it was to rotate"


def test_directory_and_files_are_private(tmp_path: Path, spool: Spool) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


def test_durable_returns_when_the_line_is_on_disk(tmp_path: Path, spool: Spool, record: Make) -> None:
    async def write() -> None:
        for number in range(20):
            await asyncio.gather(*(spool.durable(record(user=f"u{number}.{part}")) for part in range(5)))
            assert len(list(replay(tmp_path / "spool"))) == 5 * (number + 1)

    asyncio.run(write())


def test_durable_comes_after_an_fdatasync(spool: Spool, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()
    real = os.fdatasync

    def slow(fd: int) -> None:
        held.wait(10)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)

    async def write() -> None:
        task = asyncio.create_task(spool.durable(record()))
        done, _ = await asyncio.wait({task}, timeout=0.2)
        assert not done
        held.set()
        await asyncio.wait_for(task, 5)

    asyncio.run(write())


def test_durable_gives_up_in_time(tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "p", "b", durable_timeout_s=0.1)
    spool.start()
    release = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda fd: release.wait(10) and None)

    async def write() -> None:
        with pytest.raises(SpoolUnavailable, match="in time"):
            await spool.durable(record())

    asyncio.run(write())
    release.set()
    assert spool.close(5)


def test_writers_on_many_threads(tmp_path: Path, spool: Spool, record: Make) -> None:
    def write() -> None:
        for _ in range(300):
            spool.put(record())

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.flush(10)
    assert len(list(replay(tmp_path / "spool"))) == 1_200
    assert verify_chain(tmp_path / "spool") == []


def test_put_is_quick(spool: Spool, record: Make) -> None:
    one = record()
    taken = []
    for _ in range(5_000):
        begin = time.perf_counter_ns()
        spool.put(one)
        taken.append(time.perf_counter_ns() - begin)
    assert sorted(taken)[len(taken) // 2] < 20_000, "ns, median"


def test_close_writes_what_is_queued_and_accepts_nothing_after(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path, "p", "b", linger_s=30)
    spool.start()
    for _ in range(50):
        spool.put(record())
    assert spool.close(5)
    assert len(list(replay(tmp_path))) == 50
    assert not spool.healthy
    with pytest.raises(SpoolUnavailable, match="closed"):
        spool.put(record())


def test_a_boot_id_is_used_once_and_names_are_checked(tmp_path: Path) -> None:
    first = Spool(tmp_path, "p", "b")
    first.start()
    first.close(5)
    with pytest.raises(FileExistsError):
        Spool(tmp_path, "p", "b").start()
    for bad in ("", "a/b", "a b", "../x"):
        with pytest.raises(ValueError, match="proxy_id"):
            Spool(tmp_path, bad, "b")


def test_a_full_queue_is_counted_and_told_in_a_gap(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path, "p", "b", queue_max=10)
    for number in range(25):
        spool.put(record(user=f"u{number}"))
    with pytest.raises(SpoolUnavailable, match="full"):
        spool.put(record(), strict=True)
    spool.start()
    assert spool.flush(5)
    rows = list(replay(tmp_path))
    gaps = [row for row in rows if row["kind"] == "gap"]
    assert [row["user"] for row in rows if row["kind"] != "gap"] == [f"u{number}" for number in range(10)]
    assert [(gap["dropped"], gap["reason"]) for gap in gaps] == [(16, "the audit queue was full")]
    assert spool.close(5) and verify_chain(tmp_path) == []


def test_a_record_that_cannot_be_encoded_becomes_a_gap(tmp_path: Path, spool: Spool, record: Make) -> None:
    spool.put(record(user=object()))
    spool.put(record(user="next"))
    assert spool.flush(5)
    rows = list(replay(tmp_path / "spool"))
    assert [(row["kind"], row.get("dropped")) for row in rows] == [("gap", 1), ("response", None)]


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
    assert spool.flush(5)
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
    assert spool.flush(10) and spool.healthy
    spool.put(record(user="after"))
    assert spool.close(10)
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
    assert spool.flush(10) and spool.healthy and spool.close(5)
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
    assert spool.flush(5)
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
    assert time.monotonic() - begin < 5


# --- kill -9 -----------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, sys
from pathlib import Path
from weir.audit.record import AuditRecord, new_event_id
from weir.audit.spool import Spool
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
