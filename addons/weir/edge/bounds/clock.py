"""The clock of one client connection: ends what keeps a place and does nothing with it.

One timer a connection looks now and then at what is noted in passing, so that a request pays nothing for it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from mitmproxy import connection

from weir.edge.trace import Link, link_of, open_flows

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "late"]

_TICK_MIN_S, _TICK_MAX_S = 0.25, 10.0


def late(link: Link, now: float, stuck_s: float, silent_s: float) -> str:
    """Which time is up for a connection; "" for none.

    ``stuck_s``: for how long nothing of what waits for its client has been taken. ``silent_s``: for how long it has
    sent nothing.
    """
    bounds = link.bounds
    limits = bounds.limits
    if stuck_s > limits.reading_s:
        return "client reads too slowly"
    if bounds.head_since and now - bounds.head_since > limits.head_s:
        return "request head takes too long"
    for number, one in list(bounds.receiving.items()):
        lasts = now - one.since()
        if one.received() < 0:
            del bounds.receiving[number]
        elif lasts > limits.body_s and one.received() < limits.body_bytes_per_s * lasts:
            return "request body comes too slowly"
    if not link.exchanges and not link.metered and now - bounds.began > limits.opening_s:
        return "no request in time"
    if silent_s > limits.idle_s and not link.metered and not open_flows(link):
        return "idle for too long"
    return ""


class Clock:
    """Looks at one connection until it is stopped or ends it."""

    def __init__(self, handler: Any, client: connection.Client) -> None:
        self._handler, self._client, self._link = handler, client, link_of(client)
        limits = self._link.bounds.limits
        handler.timeout_watchdog.timeout = limits.idle_s  # of both sides; here only the client counts
        shortest = min(limits.opening_s, limits.head_s, limits.body_s, limits.reading_s, limits.idle_s)
        self._tick_s = min(max(shortest / 4, _TICK_MIN_S), _TICK_MAX_S)
        self._taken, self._taken_at = -1, time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._look)

    def stop(self) -> None:
        """The connection has ended."""
        self._timer.cancel()
        for backlog in self._link.bounds.backlogs.values():
            backlog.end()

    def _look(self) -> None:
        now = time.monotonic()
        silent = now - self._handler.heard if self._handler.heard else now - self._link.bounds.began
        why = late(self._link, now, self._stuck(now), silent)
        if not why:
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._look)
            return
        end: Callable[[str], None] = self._handler.end
        end(why)

    def _stuck(self, now: float) -> float:
        """For how long nothing of what waits has been taken: by the socket, and within HTTP/2."""
        waits, taken = self._handler.unread()
        for backlog in self._link.bounds.backlogs.values():
            if not backlog.ours:
                waits += backlog.held
                taken += backlog.taken
        if not waits or taken != self._taken:
            self._taken, self._taken_at = taken, now
        return now - self._taken_at if waits else 0.0
