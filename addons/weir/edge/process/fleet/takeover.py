"""Makes mitmproxy listen on sockets that the parent has bound, and changes at run time whose it listens on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any

from mitmproxy.proxy import mode_servers

from weir.edge.process.fleet.listening import BACKLOG, Place
from weir.edge.process.fleet.seat import Seat
from weir.edge.process.unlisten import unlisten

__all__ = ["Takeover"]

log = logging.getLogger("weir.fleet")


class Takeover:
    """One a worker. Listening is begun by mitmproxy, on this worker's own sockets."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self._slots = frozenset({seat.number})
        self._instances: dict[Place, Any] = {}
        self._servers: dict[tuple[Place, int], list[asyncio.Server]] = {}
        self._changing = asyncio.Lock()

    def install(self) -> None:
        """Replace what opens sockets by what takes those of the seat."""
        taken = self

        async def listen(instance: Any, host: str, port: int) -> list[asyncio.Server]:
            place = (host, port)
            if place not in taken.seat.sockets:
                raise OSError(f"the fleet has no socket for {host or '*'}:{port}")
            taken._instances[place] = instance
            return [server for slot in taken._slots for server in await taken._open(place, slot)]

        mode_servers.AsyncioServerInstance.listen = listen  # type: ignore[assignment,method-assign]

    async def serve(self, slots: Collection[int]) -> None:
        """Accept what comes in on the sockets of these workers, and of no others, from now on."""
        async with self._changing:  # what the parent says is done in the order in which it said it
            await self._change(frozenset(slots))

    async def _change(self, wanted: frozenset[int]) -> None:
        for place, instance in self._instances.items():
            if not instance.is_running:
                continue  # it drains: nothing is accepted any more
            for slot in self._slots - wanted:
                closing = self._servers.pop((place, slot), [])
                await unlisten(closing)
                for server in closing:
                    server.close()
                    if server in instance._servers:
                        instance._servers.remove(server)
            for slot in wanted - self._slots:
                opened = await self._open(place, slot)
                if instance.is_running:
                    instance._servers += opened
                    continue
                await unlisten(opened)  # the drain began meanwhile
                for server in opened:
                    server.close()
        self._slots = wanted

    async def _open(self, place: Place, slot: int) -> list[asyncio.Server]:
        instance = self._instances[place]
        servers = [
            # A duplicate: closing it ends neither the parent's socket nor what waits in its queue.
            await asyncio.start_server(instance.handle_stream, sock=one.dup(), backlog=BACKLOG)
            for one in self.seat.sockets[place].get(slot, ())
        ]
        self._servers[place, slot] = servers
        return servers
