"""Who reads slowly makes everybody upstream of it wait, and no buffer grow: the handler's part of it."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from mitmproxy.proxy import mode_servers

from weir.edge.bounds.ending import give_up
from weir.edge.trace import link_of

__all__ = ["LINGER_S", "BoundedHandler", "abort_later", "lingering"]

LINGER_S = 30.0  # a peer has so long to take what was sent to it before its connection was closed
_closing: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()


def abort_later(writer: Any) -> None:
    """After a close: end the connection all the same if its peer doesn't take what waits for it."""
    transport = getattr(writer, "transport", None)
    if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
        asyncio.get_running_loop().call_later(LINGER_S, transport.abort)
        _closing.add(transport)


def lingering() -> bool:
    """Whether a connection that was closed still has something for its peer: it would be lost with this process."""
    return any(one.get_write_buffer_size() for one in list(_closing))


class BoundedHandler(mode_servers.ProxyConnectionHandler):
    """A connection handler that a `Clock` can look at, and end."""

    heard = 0.0  # when the client last sent something, monotonic; 0 for never

    async def drain_writers(self) -> None:
        """As mitmproxy's; then wait for whoever does not take, over HTTP/2, what this side makes for it."""
        await super().drain_writers()  # type: ignore[no-untyped-call]
        backlogs = link_of(self.client).bounds.backlogs
        if not backlogs:
            return
        io = self.transports.get(self.client)
        from_client = io is not None and io.handler is asyncio.current_task()
        for peer, backlog in list(backlogs.items()):
            if backlog.held > backlog.limit and (peer is self.client) is not from_client:
                await backlog.room()

    def unread(self) -> tuple[int, int]:
        """Bytes that wait in the client's socket, and how many have gone through it so far."""
        io = self.transports.get(self.client)
        writer = io.writer if io is not None else None
        transport = getattr(writer, "transport", None)
        if not isinstance(transport, asyncio.WriteTransport):
            return 0, 0
        waits = transport.get_write_buffer_size()
        return waits, int(getattr(writer, "sent", 0)) - waits

    def end(self, why: str) -> None:
        """End the client's connection, whatever still waits to be read by it."""
        give_up(self.client, why)
        io = self.transports.get(self.client)
        if io is None or io.handler is None:
            return
        transport = getattr(io.writer, "transport", None)
        if isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size():
            transport.abort()
        io.handler.cancel(why)
