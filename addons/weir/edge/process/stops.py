"""What a signal to stop means: the first one drains, one that comes later ends at once; none at the very end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["ONE_STOP_S", "Stops", "deaf", "to_the_end"]

ONE_STOP_S = 1.0  # signals within these are one: supervisors send them to a process and to its group


class Stops:
    """Call it for every signal. ``first`` is called once, ``again`` for what comes `ONE_STOP_S` later or more."""

    def __init__(
        self, first: Callable[[], object], again: Callable[[], object], mono: Callable[[], float] = time.monotonic
    ) -> None:
        self._first, self._again, self._mono = first, again, mono
        self._at: float | None = None

    def __call__(self) -> None:
        """A signal came."""
        if self._at is None:
            self._at = self._mono()
            self._first()
        elif self._mono() - self._at >= ONE_STOP_S:
            self._again()


def deaf() -> None:
    """Let no signal change how this process ends, now that all is done: without its loop each would kill it."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
        loop.remove_signal_handler(name)
        signal.signal(name, signal.SIG_IGN)


def to_the_end(main: Coroutine[Any, Any, int]) -> int:
    """Run it in a loop of its own; its exit code, which no signal changes once it is there."""

    async def whole() -> int:
        code = await main
        deaf()
        return code

    return asyncio.run(whole())
