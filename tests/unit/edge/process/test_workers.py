"""Bounds of the worker pool: queue and time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from weir.edge.process.workers import LANES, Lane, Workers, WorkersBusy, WorkersTimeout
from weir.sections_limits import Queues


def test_runs_and_passes_errors_on() -> None:
    async def main() -> None:
        workers = Workers(1)
        assert await workers.run(lambda a, b: a + b, 1, 2, timeout_s=60) == 3
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0, timeout_s=60)
        workers.close()

    asyncio.run(main())


def test_a_slow_job_times_out_and_the_queue_is_bounded() -> None:
    async def main() -> None:
        gate = threading.Event()
        workers = Workers(1, queue_max=2)
        slow = asyncio.create_task(workers.run(gate.wait, timeout_s=0.05))
        queued = asyncio.create_task(workers.run(gate.wait, timeout_s=60))
        await asyncio.sleep(0)
        assert workers.depths()["work"] == (2, 2)
        with pytest.raises(WorkersBusy):
            await workers.run(gate.wait, timeout_s=60)
        with pytest.raises(WorkersTimeout):
            await slow
        gate.set()
        await queued
        assert await workers.run(lambda: "again", timeout_s=60) == "again"
        workers.close()

    asyncio.run(main())


class Held:
    """Work that begins at once and ends when told, and notes that it ran."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun: list[str] = []

    def __call__(self, name: str) -> str:
        self.begun.append(name)
        self.gate.wait(20)
        return name


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  threads tell no loop
            await asyncio.sleep(0.001)


def lanes(**chosen: Lane) -> Workers:
    return Workers(1, lanes=chosen)


def test_a_full_lane_leaves_the_others_free() -> None:
    async def main() -> None:
        held, workers = Held(), lanes(a=Lane(1, 9), b=Lane(1, 9))
        stuck = [asyncio.create_task(workers.run(held, str(n), timeout_s=20, lane="a")) for n in range(5)]
        await until(lambda: bool(held.begun))
        assert await workers.run(lambda: "b", timeout_s=60, lane="b") == "b"
        assert await workers.run(lambda: "work", timeout_s=60) == "work"
        held.gate.set()
        assert await asyncio.gather(*stuck) == list("01234")
        workers.close()

    asyncio.run(main())


def test_one_owner_has_a_share_and_another_is_served_at_once() -> None:
    async def main() -> None:
        held, workers = Held(), lanes(a=Lane(3, 99, 2, 5))
        stuck = [asyncio.create_task(workers.run(held, str(n), timeout_s=20, lane="a", owner="x")) for n in range(5)]
        await until(lambda: len(held.begun) == 2)
        with pytest.raises(WorkersBusy):  # two run, three wait: that is the owner's part of the queue
            await workers.run(held, "6", timeout_s=20, lane="a", owner="x")
        assert await workers.run(lambda: "y", timeout_s=60, lane="a", owner="y") == "y"
        assert len(held.begun) == 2
        held.gate.set()
        assert await asyncio.gather(*stuck) == list("01234")
        workers.close()

    asyncio.run(main())


def test_lines_take_turns() -> None:
    async def main() -> None:
        held, order, workers = Held(), list[str](), lanes(a=Lane(1, 99))
        first = asyncio.create_task(workers.run(held, "first", timeout_s=20, lane="a"))
        await until(lambda: bool(held.begun))
        names = [("x", "x1"), ("x", "x2"), ("x", "x3"), ("y", "y1"), ("z", "z1"), ("y", "y2")]
        rest = [asyncio.create_task(workers.run(order.append, n, timeout_s=20, lane="a", owner=o)) for o, n in names]
        await asyncio.sleep(0)
        held.gate.set()
        await asyncio.gather(first, *rest)
        assert order == ["x1", "y1", "z1", "x2", "y2", "x3"]
        workers.close()

    asyncio.run(main())


@pytest.mark.parametrize("how", ["time", "cancelled"])
def test_what_still_waits_when_nobody_wants_it_is_not_begun_and_holds_no_place(how: str) -> None:
    async def main() -> None:
        held, workers = Held(), lanes(a=Lane(1, 2))
        first = asyncio.create_task(workers.run(held, "first", timeout_s=20, lane="a"))
        await until(lambda: bool(held.begun))
        second = asyncio.create_task(workers.run(held, "second", timeout_s=0.02 if how == "time" else 20, lane="a"))
        await asyncio.sleep(0)
        if how == "cancelled":
            second.cancel()
        with pytest.raises(WorkersTimeout if how == "time" else asyncio.CancelledError):
            await second
        third = asyncio.create_task(workers.run(held, "third", timeout_s=20, lane="a"))
        await asyncio.sleep(0)
        held.gate.set()
        assert [*await asyncio.gather(first, third)] == ["first", "third"]
        assert held.begun == ["first", "third"]
        workers.close()

    asyncio.run(main())


def test_a_thread_is_held_until_its_work_ends_even_when_the_loop_is_gone() -> None:
    held, workers = Held(), lanes(a=Lane(1, 9))

    async def give_up() -> None:
        with pytest.raises(WorkersTimeout):
            await workers.run(held, "late", timeout_s=0.02, lane="a")

    async def again() -> str:
        with pytest.raises(WorkersTimeout):
            await workers.run(held, "waits", timeout_s=0.02, lane="a")
        held.gate.set()
        return await workers.run(lambda: "free", timeout_s=10, lane="a")

    asyncio.run(give_up())
    assert asyncio.run(again()) == "free"
    assert held.begun == ["late"]
    workers.close()


def test_what_work_raises_is_what_the_caller_gets() -> None:
    def late() -> None:
        raise TimeoutError

    async def main() -> None:
        workers = Workers()
        with pytest.raises(TimeoutError) as raised:
            await workers.run(late, timeout_s=60, lane="dlp")
        assert not isinstance(raised.value, WorkersTimeout)
        with pytest.raises(KeyError):
            await workers.run(late, timeout_s=60, lane="nowhere")
        workers.close()

    asyncio.run(main())


def test_queues_are_as_long_as_policy_has_them() -> None:
    async def main() -> None:
        free, workers = threading.Event(), Workers()
        workers.resize({"dlp": 8, "identity": 64, "unheard-of": 9})
        begun = [asyncio.create_task(workers.run(free.wait, timeout_s=20, lane="dlp", owner=str(n))) for n in range(8)]
        await asyncio.sleep(0)
        with pytest.raises(WorkersBusy):
            await workers.run(free.wait, timeout_s=20, lane="dlp", owner="late")
        assert workers.depths()["dlp"] == (8, 8) and workers.depths()["identity"] == (0, 64)
        assert workers._lanes["identity"].lane.share_queue_max == 2  # a thirty-second part, as before
        workers.resize(Queues().by_lane)
        begun.append(asyncio.create_task(workers.run(free.wait, timeout_s=20, lane="dlp", owner="late")))
        await asyncio.sleep(0)
        free.set()
        assert await asyncio.gather(*begun) == [True] * 9
        workers.close()

    asyncio.run(main())


def test_every_lane_has_a_key_of_policys_and_today_s_length() -> None:
    made = Workers()
    assert {name: most for name, (_, most) in made.depths().items()} == Queues().by_lane
    made.close()


@pytest.mark.parametrize("name", ["parse", "dlp", "dlp-small", "usage", "identity", "directory", "tokens"])
def test_every_purpose_has_bounds(name: str) -> None:
    lane = LANES[name]
    assert 0 < lane.threads <= lane.queue_max
    assert lane.share_threads <= lane.threads and lane.share_queue_max <= lane.queue_max
