"""The spool when all is well, or nearly."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord, FindingRow
from weir.audit.spool import writer as module
from weir.audit.spool.waiters import Item
from weir.audit.spool.writer import Spool, SpoolUnavailable, replay, verify_chain

Make = Callable[..., AuditRecord]


def test_records_come_back_in_order_with_a_whole_chain(tmp_path: Path, spool: Spool, record: Make) -> None:
    for number in range(3_000):
        spool.put(record(user=f"u{number}", findings=(FindingRow(ord=0, detector="d"),)))
    assert spool.flush(60) and spool.lag == 0 and spool.healthy
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
        await asyncio.wait_for(task, 60)

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
    assert spool.close(60)


def test_writers_on_many_threads(tmp_path: Path, spool: Spool, record: Make) -> None:
    def write() -> None:
        for _ in range(300):
            spool.put(record())

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.flush(60)
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
    assert spool.close(60)
    assert len(list(replay(tmp_path))) == 50
    assert not spool.healthy
    with pytest.raises(SpoolUnavailable, match="closed"):
        spool.put(record())


def test_what_is_handed_over_while_it_closes_is_written_or_refused(tmp_path: Path, record: Make) -> None:
    """Many threads against the last look of the writer, on many spools."""
    for number in range(4):
        folder = tmp_path / str(number)
        spool = Spool(folder, "p1", "b", segment_bytes_max=1 << 20, queue_max=1 << 20, linger_s=0)
        spool.start()
        taken: list[str] = []

        def work(spool: Spool = spool, taken: list[str] = taken) -> None:
            with suppress(SpoolUnavailable):
                while True:
                    made = record()
                    spool.put(made)
                    taken.append(made.event_id)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert spool.close(60)
        for thread in threads:
            thread.join(60)
        assert sorted(taken) == sorted(row["event_id"] for row in replay(folder))
        assert spool.lag == 0


class Between(deque[Item]):
    """A queue before which something else comes, after whoever appends has looked whether that may be."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def append(self, item: Item) -> None:
        self.meanwhile()
        super().append(item)


def test_who_comes_at_the_same_moment_as_the_end_is_refused(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path, "p", "b")  # its writer has taken its last look
    spool._queue = Between(lambda: spool.close(0))
    with pytest.raises(SpoolUnavailable, match="closed"):
        spool.put(record())
    assert spool.lag == 0


def test_who_comes_at_the_same_moment_as_a_failure_is_told_at_once(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path, "p", "b", durable_timeout_s=60)  # its writer has told all those who waited
    spool._queue = Between(lambda: spool._fail("Input/output error", []))
    with pytest.raises(SpoolUnavailable, match="Input/output error"):
        asyncio.run(spool.durable(record()))
    assert spool.lag == 1, "it is written when the disk takes it again"


def test_a_disk_that_recovers_at_that_moment_acknowledges_nothing_too_early(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Recovers(Spool):
        """Refuses when it is asked first by a caller that queued, and works again when it is asked once more."""

        asked: Iterator[str] = iter(())

        def __getattribute__(self, name: str) -> object:
            if name == "_refused" and (answer := next(Recovers.asked, None)) is not None:
                return answer
            return super().__getattribute__(name)

    told: list[str] = []
    monkeypatch.setattr(module, "resolve", lambda items, problem="": told.append(problem))
    spool = Recovers(tmp_path / "spool", "p", "b")  # whose writer does not run: nothing is on disk

    async def run() -> None:
        Recovers.asked = iter(["", "no space", ""])
        spool._accept(
            Item(record(), asyncio.get_running_loop().create_future()), refuse_unhealthy=True, refuse_full=True
        )

    asyncio.run(run())
    assert told == ["no space"]


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
    assert spool.flush(60)
    rows = list(replay(tmp_path))
    gaps = [row for row in rows if row["kind"] == "gap"]
    assert [row["user"] for row in rows if row["kind"] != "gap"] == [f"u{number}" for number in range(10)]
    assert [(gap["dropped"], gap["reason"]) for gap in gaps] == [(16, "the audit queue was full")]
    assert spool.close(60) and verify_chain(tmp_path) == []


def test_a_record_that_cannot_be_encoded_becomes_a_gap(tmp_path: Path, spool: Spool, record: Make) -> None:
    spool.put(record(user=object()))
    spool.put(record(user="next"))
    assert spool.flush(60)
    rows = list(replay(tmp_path / "spool"))
    assert [(row["kind"], row.get("dropped")) for row in rows] == [("gap", 1), ("response", None)]
