"""Names that take long to resolve hold up whoever asked for them, and nobody else.

A look-up holds a thread for as long as the system asks, whether anybody still waits for it or not: a client asking for
names whose servers never answer would take all of them. So one client has a share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["OF_ONE_MAX", "Shares"]

OF_ONE_MAX = 8  # look-ups at once; more of one client wait for each other


class Shares:
    """Look-ups under way, by who asked."""

    def __init__(self, of_one_max: int = OF_ONE_MAX) -> None:
        self._max = of_one_max
        self._known: dict[str, tuple[asyncio.Semaphore, int]] = {}  # and how many use it

    async def ask(self, who: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """What ``look`` finds. Whoever stops waiting for it has his share back when its thread has."""
        room, users = self._known.get(who) or (asyncio.Semaphore(self._max), 0)
        self._known[who] = room, users + 1
        try:
            await room.acquire()
        except asyncio.CancelledError:
            self._left(who)
            raise
        task = asyncio.ensure_future(look())

        def done(over: asyncio.Future[Any]) -> None:
            room.release()
            self._left(who)
            if not over.cancelled():
                over.exception()  # heard, if nobody waits any more

        task.add_done_callback(done)
        return await asyncio.shield(task)

    def _left(self, who: str) -> None:
        room, users = self._known[who]
        if users > 1:
            self._known[who] = room, users - 1
        else:
            del self._known[who]

    def __len__(self) -> int:
        return len(self._known)
