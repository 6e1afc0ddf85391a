"""Long prompts of many clients at once: the loop goes on, and so does whoever asks for little."""

from __future__ import annotations

import asyncio
import time

from weir.dlp.core.engine import Engine
from weir.edge.process.workers import Workers
from weir.model import Segment

CLIENTS = 64
LONG = "lorem ipsum dolor sit amet, call +1 212 555 0147 or write to jane@acme-corp.com about 10.20.30.40; "
LAG_MS = 10.0
SLOWER = 2.0
BUSY = 4.0  # how much worse than idle a machine that is busy with other things may make it


def segments(text: str) -> list[Segment]:
    return [Segment("/messages/0/content", "user", text)]


def percentile(times: list[float], part: float) -> float:
    return sorted(times)[int(len(times) * part)] * 1e3


async def crowd(engine: Engine) -> tuple[float, float, float, float]:
    """p99 of the loop's lag idle and busy, p50 of a small scan alone and beside 64 of 100 KB; milliseconds."""
    workers, lags, small, ended = Workers(), list[float](), list[float](), False

    async def probe() -> None:
        while not ended:
            begin = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - begin - 0.001)

    async def little() -> None:
        while not ended:
            asked = segments(f"what is a weir? {len(small)} {time.monotonic_ns()} " + "and why? " * 80)
            begin = time.perf_counter()
            assert engine.scan(asked, deadline_s=60).complete
            small.append(time.perf_counter() - begin)
            await asyncio.sleep(0.002)

    beside = [asyncio.create_task(probe()), asyncio.create_task(little())]
    await asyncio.sleep(0.7)
    idle, alone = percentile(lags, 0.99), percentile(small, 0.5)
    lags.clear()
    small.clear()
    texts = [segments(f"{number} " + "plain words " * 7_500 + LONG * 100) for number in range(CLIENTS)]
    scans = await asyncio.gather(
        *(workers.run(engine.scan, text, timeout_s=100, lane="dlp", owner=str(n)) for n, text in enumerate(texts))
    )
    ended = True
    await asyncio.gather(*beside)
    workers.close()
    assert all(scan.findings for scan in scans)
    return idle, percentile(lags, 0.99), alone, percentile(small, 0.5)


def test_64_long_prompts_hold_up_neither_the_loop_nor_a_small_one() -> None:
    engine = Engine.load(fingerprint_key=b"crowd", cache_entries=0, helpers=2)
    engine.start()
    assert engine.helpers is not None and engine.helpers.wait(60)
    try:
        idle, busy, alone, beside = asyncio.run(crowd(engine))
    finally:
        engine.close()
    assert busy <= max(LAG_MS, BUSY * idle)
    assert beside <= max(SLOWER * alone, 1.0)
