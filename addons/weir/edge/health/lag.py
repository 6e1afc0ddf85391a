"""How late the event loop is: what everybody waits for who has a connection here."""

from __future__ import annotations

import asyncio

from weir.edge.health.counts import LAG_US, Slots

__all__ = ["LATE_MAX_S", "LoopLag"]

TICK_S = 0.1
LATE_MAX_S = 5.0  # a loop that came so late the last time does not answer in time


class LoopLag:
    """Asks to be called ten times a second and writes down how much later it was. ``last_s``: the last time."""

    def __init__(self) -> None:
        self.slots = Slots(LAG_US)
        self.last_s = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._next(asyncio.get_running_loop())

    def stop(self) -> None:
        """End."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def late_s(self) -> float:
        """How late the loop was the last time, or is by now: a tick that is overdue counts already."""
        if self._handle is None:
            return self.last_s
        return max(self.last_s, asyncio.get_running_loop().time() - self._handle.when())

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + TICK_S
        self._handle = loop.call_at(due, self._tick, loop, due)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self.last_s = max(0.0, loop.time() - due)
        self.slots.add(int(self.last_s * 1e6))
        self._next(loop)
