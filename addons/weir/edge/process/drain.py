"""Ends the process without losing anything: no new connections, running exchanges finish, the audit is flushed.

mitmproxy awaits `done` but neither its flows nor its listeners, so this addon stands first in the chain.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from mitmproxy import ctx, http

from weir.edge.bounds.farewell import part
from weir.edge.bounds.readers import lingering
from weir.edge.connections import Connections
from weir.edge.content.storing import SEAL_S
from weir.edge.content.writing import close
from weir.edge.guard import guarded
from weir.edge.process.quiet import all_quiet
from weir.edge.process.unlisten import unlisten
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

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """From now on each reply is the last of its connection: its client opens the next one where somebody listens.

        Of HTTP/1 alone; for HTTP/2 see ``farewell``.
        """
        if self.state.draining and flow.response is not None and not flow.request.is_http2 and not flow.websocket:
            flow.response.headers["connection"] = "close"

    async def done(self) -> None:
        """Stop listening, wait for exchanges up to `drain_s`, write the last records, flush."""
        self.state.draining = True
        servers = ctx.master.addons.get("proxyserver")
        await unlisten([one for instance in servers.servers for one in getattr(instance, "_servers", ())])
        await servers.servers.update([])
        began = time.monotonic()
        deadline = began + max(self.state.drain_s, self.state.gentle_s)
        await self._until_at_rest(servers.connections, began, deadline)
        cut = len(open_traces())
        if cut:
            log.warning("%d exchanges were still running after %.0f s and are cut", cut, self.state.drain_s)
        handlers = [io.handler for c in list(servers.connections.values()) for io in list(c.transports.values())]
        for handler in handlers:
            if handler:
                handler.cancel("shutting down")
        if handlers:
            await asyncio.sleep(POLL_S)  # their error and disconnect hooks write the last records
        while lingering() and time.monotonic() < deadline:  # noqa: ASYNC110  what was answered is yet to be taken
            await asyncio.sleep(POLL_S)
        self.connections.close_all()
        for name, last in (("doors", "flush"), ("reload", "stop")):  # what they have to say, before the audit is closed
            if (addon := ctx.master.addons.get(name)) is not None:
                getattr(addon, last)()
        if self.state.admission is not None:
            await self.state.admission.close()  # what it has to tell goes into the audit too
        if self.state.sealing:  # of exchanges that were cut just now: a closed spool would take none of their records
            await asyncio.wait(self.state.sealing, timeout=SEAL_S + POLL_S)
        await asyncio.to_thread(close, self.state, FLUSH_S)  # first: what it could not keep is told in the spool
        await asyncio.to_thread(self.state.spool.close, FLUSH_S)
        self.state.workers.close()

    async def _until_at_rest(self, connections: Mapping[Any, Any], began: float, deadline: float) -> None:
        """Wait until all exchanges have ended and, where others take over, until no client is at work any more.

        Where they do, a connection may still be in its handshake, or bring one more request; what it is must have been
        quiet for `gentle_s`, and that twice in a row: what came in while this process had no time is heard first.
        """
        gentle, quiet = self.state.gentle_s, 0
        while (now := time.monotonic()) < deadline:
            await part(connections.values(), last=now > (began + deadline) / 2)
            early = bool(connections) and now < began + gentle
            at_work = early or open_traces() or self.state.sealing or not all_quiet(connections.values(), gentle)
            quiet = 0 if at_work else quiet + 1
            if quiet > 1 or (quiet and not gentle):
                return
            await asyncio.sleep(POLL_S)
