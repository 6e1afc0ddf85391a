"""What the audit costs and holds: the spool by commit policy, a loop at 2,000 rows a second, ingest, size, verify.

Beside each stands what others do in the same run: lines without a chain, SQLite, DuckDB alone. Rows are an exchange's
request and reply with what they usually have: of four requests two have one finding and one has three.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import batched, islice
from pathlib import Path

for _folder in ("addons", "tests"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / _folder))

from audit_store import store_figures  # noqa: E402

from harness.auditrows import exchanges  # noqa: E402
from weir.audit.record import AuditRecord  # noqa: E402
from weir.audit.spool.lines import GENESIS, encode, seal  # noqa: E402
from weir.audit.spool.segment import Segment  # noqa: E402
from weir.audit.spool.writer import Spool  # noqa: E402

SWITCH_S = 0.0005  # as weir sets it
SEGMENT = 64 << 20


def rows(count: int, seed: int = 1) -> list[AuditRecord]:
    """Requests and replies by turns."""
    return [row for pair in islice(exchanges(seed), count // 2) for row in pair]


def at(took: list[float], share: float) -> float:
    """The time within which that share of all was done."""
    return sorted(took)[min(len(took) - 1, int(len(took) * share))]


# --- rows a second, by how many share a commit ---------------------------------------------------------------------


def weir_lines(folder: Path, records: list[AuditRecord], per: int) -> int:
    """Encoded, chained, appended and on disk, ``per`` rows a commit."""
    segment, last, seq = Segment(folder / f"weir-{per}.jsonl", SEGMENT), GENESIS, 0
    for some in batched(records, per):
        lines = []
        for record in some:
            seq += 1
            line, last = seal(encode(record, "p", "b", seq), last)
            lines.append(line)
        segment.append(b"".join(lines))
    segment.close()
    return seq


def plain_lines(folder: Path, records: list[AuditRecord], per: int) -> int:
    """The same JSON, neither chained nor its space reserved."""
    file = os.open(folder / f"plain-{per}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for some in batched(records, per):
        os.write(file, b"".join([encode(record, "p", "b", 1) + b"\n" for record in some]))
        os.fdatasync(file)
    os.close(file)
    return len(records)


def sqlite_rows(folder: Path, records: list[AuditRecord], per: int) -> int:
    """The same JSON in one column of a table, WAL, synchronous FULL."""
    store = sqlite3.connect(folder / f"peer-{per}.db", isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, line BLOB)")
    for some in batched(records, per):
        lines = [(encode(record, "p", "b", 1),) for record in some]
        store.execute("BEGIN IMMEDIATE")
        store.executemany("INSERT INTO rows (line) VALUES (?)", lines)
        store.execute("COMMIT")
    store.close()
    return len(records)


def spool_group(folder: Path, records: list[AuditRecord]) -> int:
    """The spool as it is, handed over as fast as it takes them: its own group commit."""
    spool = Spool(folder / "group", "p", "b", queue_max=20_000)
    spool.start()
    for record in records:
        while spool.lag >= 10_000:
            time.sleep(0.0005)
        spool.put(record, strict=True)
    assert spool.flush(60)
    spool.close(10)
    return len(records)


def rate(work: Callable[[], int]) -> float:
    """Rows a second."""
    gc.collect()
    begin = time.perf_counter()
    return work() / (time.perf_counter() - begin)


def by_policy(folder: Path) -> Iterator[tuple[str, float, float, float]]:
    """Per policy: weir, plain lines, SQLite; rows a second."""
    for per, count in ((1, 3_000), (10, 12_000), (100, 40_000)):
        records = rows(count)
        ours, plain, peer = (
            rate(lambda way=way, r=records, p=per: way(folder, r, p)) for way in (weir_lines, plain_lines, sqlite_rows)
        )
        yield f"{per} a commit", ours, plain, peer
    records = rows(60_000)
    yield "group commit", rate(lambda: spool_group(folder, records)), 0.0, 0.0


# --- a loop at a pace ----------------------------------------------------------------------------------------------


@dataclass
class Paced:
    """What a loop saw, in seconds."""

    enqueue: list[float] = field(default_factory=list)
    durable: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)


def _ping(loop: asyncio.AbstractEventLoop, seen: list[float], over: threading.Event) -> None:
    """How long the loop takes to come to what another thread asks of it; its own timers are rounded to 1 ms."""
    while not over.wait(0.001):
        begin = time.perf_counter()
        loop.call_soon_threadsafe(lambda begin=begin: seen.append(time.perf_counter() - begin))


async def paced(spool: Spool | None, per_s: int, seconds: float) -> Paced:
    """``per_s`` rows a second: each request is waited for, as ``strict`` does, then its reply is handed over."""
    seen, over, pairs = Paced(), threading.Event(), per_s / 2
    records = list(islice(exchanges(2), int(pairs * seconds)))
    loop = asyncio.get_running_loop()
    watch = threading.Thread(target=_ping, args=(loop, seen.lag, over))
    watch.start()

    async def exchange(request: AuditRecord, reply: AuditRecord) -> None:
        if spool is None:
            return
        begin = time.perf_counter()
        await spool.durable(request)
        seen.durable.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        spool.put(reply)
        seen.enqueue.append(time.perf_counter() - begin)

    begin, tasks = loop.time(), set[asyncio.Task[None]]()
    for number, (request, reply) in enumerate(records):
        wait = begin + number / pairs - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(exchange(request, reply))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    over.set()
    await asyncio.to_thread(watch.join)
    return seen


def loop_figures(folder: Path, per_s: int, seconds: float) -> Iterator[tuple[str, ...]]:
    """The loop without a spool, then with one."""
    idle = asyncio.run(paced(None, per_s, seconds))
    spool = Spool(folder / "paced", "p", "b")
    spool.start()
    busy = asyncio.run(paced(spool, per_s, seconds))
    assert spool.close(10)
    for name, took, target in (
        ("handed over (put)", busy.enqueue, "p99 ≤ 20 µs"),
        ("durable, as strict waits", busy.durable, "p99 ≤ 2 ms"),
        ("lag of the loop", busy.lag, ""),
        ("lag of the same loop without a spool", idle.lag, ""),
    ):
        yield name, *(f"{at(took, share) * 1e6:,.0f}" for share in (0.5, 0.99, 1.0)), target


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of the paced loop")
    parser.add_argument("--rate", type=int, default=2_000, help="rows a second of the paced loop")
    parser.add_argument("--rows", type=int, default=300_000, help="of the store")
    parser.add_argument("--dir", type=Path, help="where to write: the disk that is measured")
    given = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    print(f"load average at the start {os.getloadavg()[0]:.1f}, threads {threading.active_count()}")
    with tempfile.TemporaryDirectory(prefix="weir-bench-", dir=given.dir) as name:
        folder = Path(name)
        print("\n| rows/s to disk | weir | lines alone | SQLite WAL FULL | weir : SQLite |\n|---|---|---|---|---|")
        for policy, ours, plain, peer in by_policy(folder):
            others = f"{plain:,.0f} | {peer:,.0f} | {ours / peer:.1f}" if peer else "| |"
            print(f"| {policy} | {ours:,.0f} | {others} |")
        print(f"\n| {given.rate:,} rows/s for {given.seconds:g} s | p50 µs | p99 µs | longest µs | target |")
        print("|---|---|---|---|---|")
        for row in loop_figures(folder, given.rate, given.seconds):
            print(f"| {' | '.join(row)} |")
        print(f"\n| {given.rows:,} rows | |\n|---|---|")
        for what, figure in store_figures(folder / "data", given.rows):
            print(f"| {what} | {figure} |")
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
