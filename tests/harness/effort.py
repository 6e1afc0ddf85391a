"""How much of the processor something takes, on a machine that does much else."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable

__all__ = ["within"]


def within[T](seconds: float, work: Callable[[], T], tries: int = 3) -> T:
    """What ``work`` returns, which took this thread no longer than that in one of several tries.

    A walk of the collector over all that a run has made, and what others take of a processor that is not there, count
    as the thread's own time; what grows with the square of a size takes too long each time.
    """
    least = math.inf
    for _ in range(tries):
        on = gc.isenabled()
        gc.disable()
        try:
            begun = time.thread_time()
            made = work()
            least = min(least, time.thread_time() - begun)
        finally:
            if on:
                gc.enable()
        if least <= seconds:
            return made
    raise AssertionError(f"it took {least:.3f} s of the processor's time, not {seconds} s")
