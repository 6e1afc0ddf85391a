"""What the bounds of one client connection are counted in. It lives in the connection's `Link`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from weir.sections_limits import Limits

__all__ = ["Backlog", "Bounds", "Receiving"]

_NO_LIMITS = Limits()


class Receiving(Protocol):
    """A stream whose request's body is still on its way."""

    def received(self) -> int:
        """Bytes of it so far; -1 when no more is waited for."""

    def since(self) -> float:
        """When it began, monotonic seconds."""


class Backlog:
    """What was made for one HTTP/2 peer, and not yet taken by it: over ``limit`` bytes nobody makes more."""

    __slots__ = ("_room", "held", "limit", "ours", "taken")

    def __init__(self, limit: int, *, ours: bool = False) -> None:
        self.limit = limit
        self.ours = ours  # it is weir that has not taken it yet
        self.held = 0  # bytes that wait
        self.taken = 0  # bytes that have gone; how far is told by its growth alone
        self._room: asyncio.Event | None = None

    def now(self, held: int, made: int = 0) -> None:
        """``made`` bytes came in addition, and ``held`` wait after it."""
        self.taken += self.held + made - held
        self.held = held
        if self._room is not None and held <= self.limit // 2:
            self._room.set()
            self._room = None

    async def room(self) -> None:
        """Wait, if there is too much, until half of it has gone."""
        if self.held > self.limit:
            if self._room is None:
                self._room = asyncio.Event()
            await self._room.wait()

    def end(self) -> None:
        """The peer has gone: nobody waits for it any more."""
        self.now(0)


@dataclass(slots=True)
class Bounds:
    """Counts and times of one client connection. Times are monotonic seconds."""

    limits: Limits = _NO_LIMITS
    began: float = field(default_factory=time.monotonic)
    head_since: float = 0.0  # a request's head has begun and not ended
    receiving: dict[int, Receiving] = field(default_factory=dict)  # by id
    backlogs: dict[Any, Backlog] = field(default_factory=dict)  # by mitmproxy's connection
    resets: int = 0  # of streams, by the client, since `resets_since`
    resets_since: float = 0.0
    ai_places: set[tuple[str, int]] = field(default_factory=set)  # where exchanges with AI services go
    no_way: str = ""  # the kind of address that a connection was refused for last

    def end(self) -> None:
        """The client has gone. What is kept here leads back to it, and these bounds live as long as it does: neither
        would ever go."""
        for backlog in self.backlogs.values():
            backlog.end()
        self.backlogs.clear()
        self.receiving.clear()
