"""HTTP/2 clients are told to go before their connection ends: by a GOAWAY, as no header of a reply can say it.

A client that knows of the GOAWAY asks the next time on another connection, and what it has sent meanwhile it sends
there again. Some HTTP/2 libraries give up what is still open on a connection that says it, so it is said at rest: as
soon as no stream is open. Where streams follow each other without a rest it is said after a while all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h2.connection
from hyperframe.frame import GoAwayFrame
from mitmproxy.proxy import commands, events

__all__ = ["Farewell", "Parting", "part"]

_NEVER_S = 1e9


class Farewell(commands.RequestWakeup):
    """Asks to be woken when weir ends, and not when some time is up. ``last``: for the second time."""

    def __init__(self, *, last: bool = False) -> None:
        super().__init__(_NEVER_S)
        self.last = last


class Parting:
    """What one connection of a client knows of its end."""

    __slots__ = ("_began_at", "_conn", "_leaving", "_pressed", "last_stream")

    def __init__(self, conn: h2.connection.H2Connection) -> None:
        self._conn = conn
        self._leaving = self._pressed = False
        self._began_at = 0  # the newest stream when it was told that weir ends
        self.last_stream: int | None = None  # the last one that is answered, once the client has been told

    def woken(self, farewell: Farewell) -> Farewell | None:
        """Weir ends; what is to be asked for next, if anything."""
        if farewell.last:
            self._pressed = True
            return None
        self._leaving, self._began_at = True, self._conn.highest_inbound_stream_id
        return Farewell(last=True)

    def goaway(self) -> bytes:
        """What is to be sent to the client now; mostly nothing."""
        if not self._leaving or self.last_stream is not None:
            return b""
        newest = self._conn.highest_inbound_stream_id
        if not newest:
            return b""  # a client that has just come is about to ask
        if self._conn.open_inbound_streams and not (self._pressed and newest > self._began_at):
            return b""
        self.last_stream = newest
        # By hand: h2 takes a connection on which it has sent this for closed, and its open streams with it.
        return GoAwayFrame(0, last_stream_id=newest).serialize()

    def too_late(self, event: Any) -> bool:
        """Whether what came is of a stream that is not answered any more: its client asks elsewhere."""
        return self.last_stream is not None and (getattr(event, "stream_id", None) or 0) > self.last_stream


async def part(handlers: Iterable[Any], *, last: bool = False) -> None:
    """Let the HTTP/2 of these connections know that weir ends; ``last``: and that time runs out."""
    for handler in list(handlers):
        waiting: list[Farewell] = getattr(handler, "farewells", [])
        for one in [one for one in waiting if last or not one.last]:
            waiting.remove(one)
            await handler.server_event(events.Wakeup(one))
