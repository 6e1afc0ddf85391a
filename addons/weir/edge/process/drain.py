"""Ends the process without losing anything: no new connections, running exchanges finish, the audit is flushed.

mitmproxy awaits `done` but neither its flows nor its listeners, so this addon stands first in the chain.
"""

from __future__ import annotations

import asyncio
import logging
import time

from mitmproxy import ctx

from weir.edge.connections import Connections
from weir.edge.content.storing import SEAL_S
from weir.edge.content.writing import close
from weir.edge.state import State
from weir.edge.trace import open_traces

__all__ = ["Drain"]

log = logging.getLogger("weir.drain")
POLL_S = 0.05
FLUSH_S = 10.0


class Drain:
    """First in the chain: `done` here runs before anybody else's."""

    name = "drain"

    def __init__(self, state: State, connections: Connections) -> None:
        self.state = state
        self.connections = connections

    async def done(self) -> None:
        """Stop listening, wait for exchanges up to `drain_s`, write the last records, flush."""
        self.state.draining = True
        servers = ctx.master.addons.get("proxyserver")
        await servers.servers.update([])
        deadline = time.monotonic() + self.state.drain_s
        while (open_traces() or self.state.sealing) and time.monotonic() < deadline:  # noqa: ASYNC110  traces end in many places
            await asyncio.sleep(POLL_S)
        cut = len(open_traces())
        if cut:
            log.warning("%d exchanges were still running after %.0f s and are cut", cut, self.state.drain_s)
        handlers = [io.handler for c in list(servers.connections.values()) for io in list(c.transports.values())]
        for handler in handlers:
            if handler:
                handler.cancel("shutting down")
        if handlers:
            await asyncio.sleep(POLL_S)  # their error and disconnect hooks write the last records
        self.connections.close_all()
        if self.state.admission is not None:
            await self.state.admission.close()  # what it has to tell goes into the audit too
        if self.state.sealing:  # of exchanges that were cut just now: a closed spool would take none of their records
            await asyncio.wait(self.state.sealing, timeout=SEAL_S + POLL_S)
        await asyncio.to_thread(close, self.state, FLUSH_S)  # first: what it could not keep is told in the spool
        await asyncio.to_thread(self.state.spool.close, FLUSH_S)
        self.state.workers.close()
