"""Work above a few hundred microseconds leaves the event loop here, with a bound on the queue and on the wait.

There is a lane for each purpose, with threads of its own: checking passwords can't keep prompts from being scanned.
Within a lane each owner (a client) may have a share of the threads; what it asks for beyond that waits in a line of
its own, and the lines take turns.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

__all__ = ["LANES", "Lane", "Workers", "WorkersBusy", "WorkersTimeout"]

T = TypeVar("T")


# How long a thread that computes in Python may keep the interpreter lock when others want it. A request needs the loop
# some dozens of times: at Python's own 5 ms, two busy workers made every other client wait for more than a second.
SWITCH_S = 0.0005


class WorkersBusy(RuntimeError):
    """The queue is full: the caller's `on_failure` decides."""


class WorkersTimeout(TimeoutError):
    """The work did not end in its time. Its thread goes on until it does; its result is dropped."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Bounds of one purpose; a queue counts what runs and what waits."""

    threads: int
    queue_max: int
    share_threads: int = 0  # how many of them one owner may hold; 0: all
    share_queue_max: int = 0  # how much of the queue; 0: all


_HALF = max(1, min(2, (os.cpu_count() or 1) // 2))  # processors that one client's heavy work may keep busy
LANES: Mapping[str, Lane] = {
    "parse": Lane(3, 512, _HALF, 256),
    "dlp": Lane(4, 256, _HALF, 128),  # long texts
    "dlp-small": Lane(4, 512, 2, 256),
    "usage": Lane(2, 512),
    # A check takes 0.2 s of a whole processor and 16 MB: one at a time. The lines are long enough that some dozens of
    # clients with all that they may ask for at once leave room for one more; it has its turn after one of each.
    "identity": Lane(_HALF, 512, 1, 16),
    "directory": Lane(4, 512, 2, 16),  # what mostly waits for somebody else
    "tokens": Lane(2, 512, 1, 16),  # a signature takes 0.1 ms, but now and then one waits for the issuer
}


class Workers:
    """Small thread pools, one a lane. The libraries behind them release the interpreter lock or are short."""

    def __init__(self, threads: int = 4, queue_max: int = 512, lanes: Mapping[str, Lane] = LANES) -> None:
        """`threads` and `queue_max` are those of the lane `work`, for whatever has no lane of its own."""
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_S))
        every = {"work": Lane(threads, queue_max), **lanes}
        self._lanes = {name: _Running(name, lane) for name, lane in every.items()}

    async def run(
        self, work: Callable[..., T], *args: object, timeout_s: float, lane: str = "work", owner: str = ""
    ) -> T:
        """Run `work(*args)` off the loop in `lane` (KeyError for an unknown one), on the account of `owner`.

        Raises WorkersBusy, WorkersTimeout, or what `work` raises. Work that still waits when its time is up, or when
        the caller is cancelled, is not begun.
        """
        running = self._lanes[lane]
        job = running.submit(owner, work, args)
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                done: T = await asyncio.wrap_future(job.future)
                return done
        except TimeoutError:
            if limit.expired():
                raise WorkersTimeout from None
            raise
        finally:
            if job.future.cancel():  # it had not begun
                running.forget(job)

    def resize(self, queues: Mapping[str, int]) -> None:
        """How much may run or wait, by lane; an owner keeps the part of it that it had. What waits already stays."""
        for name, queue_max in queues.items():
            if name in self._lanes:
                self._lanes[name].resize(queue_max)

    def depths(self) -> dict[str, tuple[int, int]]:
        """By lane: how much runs or waits, and how much may."""
        return {name: (running.count, running.lane.queue_max) for name, running in self._lanes.items()}

    def close(self) -> None:
        """Stop taking work; what runs is abandoned."""
        for running in self._lanes.values():
            running.pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    owner: str
    work: Callable[..., Any]
    args: tuple[object, ...]
    future: Future[Any]


class _Running:
    """One lane at work. Its counts are kept under a lock, not by the loop: a job may outlive the loop it came from."""

    def __init__(self, name: str, lane: Lane) -> None:
        self.lane = lane
        self.pool = ThreadPoolExecutor(lane.threads, thread_name_prefix=f"weir-{name}")
        self._share = lane.share_threads or lane.threads
        self._share_queue = lane.share_queue_max or lane.queue_max
        self._made = lane
        self._lock = threading.Lock()
        self._lines: OrderedDict[str, deque[_Job]] = OrderedDict()  # whoever was served last stands last
        self._held: dict[str, int] = {}  # threads by owner
        self._count = 0  # jobs that run or wait

    @property
    def count(self) -> int:
        """Jobs that run or wait."""
        return self._count

    def resize(self, queue_max: int) -> None:
        """See `Workers.resize`."""
        with self._lock:
            of_one, whole = self._made.share_queue_max, self._made.queue_max
            self._share_queue = max(1, queue_max * of_one // whole) if of_one else queue_max
            self.lane = replace(self._made, queue_max=queue_max, share_queue_max=of_one and self._share_queue)

    def submit(self, owner: str, work: Callable[..., Any], args: tuple[object, ...]) -> _Job:
        """Put a job in its owner's line. Raises WorkersBusy."""
        job = _Job(owner, work, args, Future())
        with self._lock:
            line = self._lines.get(owner, ())
            if self._count >= self.lane.queue_max or len(line) + self._held.get(owner, 0) >= self._share_queue:
                raise WorkersBusy
            self._lines.setdefault(owner, deque()).append(job)
            self._count += 1
            self._start()
        return job

    def forget(self, job: _Job) -> None:
        """Take a job that was cancelled out of its line, if it still stands there."""
        with self._lock:
            line = self._lines.get(job.owner)
            if line and job in line:
                line.remove(job)
                self._count -= 1
                if not line:
                    del self._lines[job.owner]

    def _start(self) -> None:
        """Give free threads to the lines in turn. Under the lock."""
        while sum(self._held.values()) < self.lane.threads:
            owner = next((name for name in self._lines if self._held.get(name, 0) < self._share), None)
            if owner is None:
                return
            line = self._lines.pop(owner)
            job = line.popleft()
            if line:
                self._lines[owner] = line
            self._held[owner] = self._held.get(owner, 0) + 1
            self.pool.submit(self._do, job)

    def _do(self, job: _Job) -> None:
        try:
            if job.future.set_running_or_notify_cancel():
                try:
                    done = job.work(*job.args)
                except BaseException as error:  # noqa: BLE001  whoever waits gets it
                    job.future.set_exception(error)
                else:
                    job.future.set_result(done)
        finally:
            with self._lock:
                self._count -= 1
                self._held[job.owner] -= 1
                if not self._held[job.owner]:
                    del self._held[job.owner]
                self._start()
