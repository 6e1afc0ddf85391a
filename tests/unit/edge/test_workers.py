"""Bounds of the worker pool: queue and time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from weir.edge.workers import Workers, WorkersBusy, WorkersTimeout


def test_runs_and_passes_errors_on() -> None:
    async def main() -> None:
        workers = Workers(1)
        assert await workers.run(lambda a, b: a + b, 1, 2, timeout_s=5) == 3
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0, timeout_s=5)
        workers.close()

    asyncio.run(main())


def test_a_slow_job_times_out_and_the_queue_is_bounded() -> None:
    async def main() -> None:
        gate = threading.Event()
        workers = Workers(1, queue_max=2)
        slow = asyncio.create_task(workers.run(gate.wait, timeout_s=0.05))
        queued = asyncio.create_task(workers.run(gate.wait, timeout_s=5))
        await asyncio.sleep(0)
        with pytest.raises(WorkersBusy):
            await workers.run(gate.wait, timeout_s=5)
        with pytest.raises(WorkersTimeout):
            await slow
        gate.set()
        await queued
        assert await workers.run(lambda: "again", timeout_s=5) == "again"
        workers.close()

    asyncio.run(main())
