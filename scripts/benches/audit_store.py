"""The store's part of the audit bench: catch-up of an ingester, what a row takes on disk, how fast it is verified."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import duckdb

from harness.auditrows import exchanges
from weir.audit.evidence.verify import Verifier
from weir.audit.spool.frames import compress
from weir.audit.spool.opened import open_segment, segments, stored
from weir.audit.spool.writer import Spool

__all__ = ["store_figures"]

# In a process of its own, for its memory; PATH is that of the bench.
_CATCH_UP = """
import resource, sys, time
from pathlib import Path
from weir.audit.ingester.ingest import Ingester
data = Path(sys.argv[1])
with Ingester(data / "spool", data / "audit", settle_s=0.0, grace_s=0.0) as ingester:
    begin, total = time.perf_counter(), 0
    while done := ingester.run_once():
        total += done
    took = time.perf_counter() - begin
print(total, took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def fill(data: Path, count: int) -> None:
    """A spool of so many rows."""
    spool = Spool(data / "spool", "p", "b", segment_bytes_max=16 << 20, queue_max=50_000)
    spool.start()
    for pair in islice(exchanges(3), count // 2):
        while spool.lag > 20_000:
            time.sleep(0.001)
        for record in pair:
            spool.put(record, strict=True)
    assert spool.flush(120) and spool.close(10)


def _size(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _alone(data: Path) -> float:
    """Seconds that DuckDB takes to turn the same lines into one Parquet file: no types of ours, nothing checked."""
    begin = time.perf_counter()
    with duckdb.connect(config={"threads": 1}) as engine:
        engine.execute(
            f"COPY (FROM read_json('{data}/spool/*.jsonl', format='newline_delimited')) "
            f"TO '{data}/alone.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )
    (data / "alone.parquet").unlink()
    return time.perf_counter() - begin


def store_figures(data: Path, count: int) -> Iterator[tuple[str, str]]:
    """What was measured, and the figure."""
    fill(data, count)
    files = [stored(path) for paths in segments(data / "spool").values() for path in paths]
    plain = _size(files)
    yield "spool, bytes a row", f"{plain / count:,.0f}"
    alone = _alone(data)
    done = subprocess.run(
        [sys.executable, "-c", _CATCH_UP, str(data)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    total, took, memory = map(float, done.stdout.split())
    assert total == count, (total, count)
    yield "ingest in catch-up, rows/s (target 20,000)", f"{count / took:,.0f}"
    yield "DuckDB alone, lines to one Parquet file, rows/s", f"{count / alone:,.0f}"
    yield "memory of the ingester at most, MB", f"{memory:,.0f}"
    parquet = [path for path in (data / "audit").rglob("*.parquet") if path.parent.name != "tmp"]
    yield "Parquet, bytes a row with its findings and tool calls", f"{_size(parquet) / count:,.0f}"
    verifier, begin = Verifier(data), time.perf_counter()
    assert not list(verifier.problems())
    yield "verify: chain, and every row against the store, rows/s", f"{count / (time.perf_counter() - begin):,.0f}"
    yield from _sealed(data, plain)


def _sealed(data: Path, plain: int) -> Iterator[tuple[str, str]]:
    """How much smaller closed segments get."""
    packed, begin = 0, time.perf_counter()
    for paths in segments(data / "spool").values():
        for path in paths:
            with open_segment(path) as lines, (data / "packed").open("wb") as out:
                compress(lines, out)
            packed += (data / "packed").stat().st_size
    took = time.perf_counter() - begin
    yield "closed segments, compressed: of their size", f"1 : {plain / packed:.1f}, {plain / took / 1e6:,.0f} MB/s"
