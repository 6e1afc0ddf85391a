"""The lateness of the loop, as those who wait for it would measure it."""

from __future__ import annotations

import asyncio
import time

from weir.edge.health import lag
from weir.edge.health.lag import LoopLag


def test_a_loop_that_is_kept_busy_is_late() -> None:
    async def work() -> tuple[float, float]:
        ticks = LoopLag()
        ticks.start()
        while not sum(ticks.slots.counts):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        time.sleep(lag.TICK_S + 0.3)  # noqa: ASYNC251  this is what is measured
        overdue = ticks.late_s()
        before = sum(ticks.slots.counts)
        while sum(ticks.slots.counts) == before:  # noqa: ASYNC110
            await asyncio.sleep(0)
        ticks.stop()
        return overdue, ticks.last_s

    overdue, late = asyncio.run(work())
    assert overdue >= 0.25, "before the tick itself had its turn"
    assert late >= 0.25


def test_nothing_ticks_before_or_after() -> None:
    ticks = LoopLag()
    assert ticks.late_s() == 0.0
    ticks.stop()

    async def work() -> int:
        ticks.start()
        ticks.stop()
        await asyncio.sleep(2 * lag.TICK_S)
        return sum(ticks.slots.counts)

    assert asyncio.run(work()) == 0
