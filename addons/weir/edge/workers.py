"""Work above a few hundred microseconds leaves the event loop here, with a bound on the queue and on the wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Workers", "WorkersBusy", "WorkersTimeout"]

T = TypeVar("T")


class WorkersBusy(RuntimeError):
    """The queue is full: the caller's `on_failure` decides."""


class WorkersTimeout(TimeoutError):
    """The work did not end in its time. Its thread goes on until it does; its result is dropped."""


class Workers:
    """A small thread pool. The libraries behind it release the GIL or are short; processes come with the DLP pool."""

    def __init__(self, threads: int = 4, queue_max: int = 512) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="weir-worker")
        self._queue_max = queue_max
        self._waiting = 0

    async def run(self, work: Callable[..., T], *args: object, timeout_s: float) -> T:
        """Run `work(*args)` off the loop. Raises WorkersBusy, WorkersTimeout, or what `work` raises."""
        if self._waiting >= self._queue_max:
            raise WorkersBusy
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args))
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), timeout_s)
        except TimeoutError:
            future.add_done_callback(lambda f: f.cancelled() or f.exception())
            raise WorkersTimeout from None

    def _done(self, _: object) -> None:
        self._waiting -= 1

    def close(self) -> None:
        """Stop taking work; what runs is abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)
