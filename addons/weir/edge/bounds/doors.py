"""How many clients come in: connections of one address, and of all. Who is turned away costs a look-up and no more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import connection, ctx
from mitmproxy.proxy import server_hooks

from weir.addresses import plain
from weir.audit.record import new_event_id, now_us
from weir.edge import records
from weir.edge.bounds.clock import Clock
from weir.edge.bounds.destinations import is_here
from weir.edge.bounds.ending import RULE, give_up
from weir.edge.bounds.readers import BoundedHandler
from weir.edge.guard import guarded
from weir.edge.process.workers import WorkersBusy, WorkersTimeout
from weir.edge.trace import link_of
from weir.identity.processes import find_caller
from weir.model import Inspection

if TYPE_CHECKING:
    from weir.edge.state import State

__all__ = ["Doors", "place_of"]

log = logging.getLogger("weir.limits")

LED_BACK = "a connection of weir's own was led back to it"
WHOSE_S = 5.0
_OWN_PROGRAM = Path("/proc/self/exe")
TELL_S = 10.0  # of more refusals of the same kind within these, one record tells
OWN_FILES = 96  # descriptors kept for what weir itself has open, and for connections that are on their way out
_TOLD_MAX = 1000  # addresses that are told apart


type _Way = tuple[str, int, str, int]


def _way(begins: tuple[object, ...] | None, ends: tuple[object, ...] | None) -> _Way | None:
    """From where to where a connection goes; in transparent mode a client's ends where the client wanted it to."""
    if not begins or not ends:
        return None
    from_, to = (str(one[0]).partition("%")[0].removeprefix("::ffff:") for one in (begins, ends))
    return from_, int(str(begins[1])), to, int(str(ends[1]))


def _of_weirs(way: _Way) -> bool:
    """Whether a connection was made by weir's user; where that is root, whom others are too, by weir's own session."""
    user = os.geteuid()
    caller = find_caller(way[:2], way[2:], programs=not user)
    if caller is None or caller.uid != user:
        return False
    if user:
        return True
    try:
        return (
            bool(caller.pid)
            and os.getsid(caller.pid) == os.getsid(0)
            and caller.program == str(_OWN_PROGRAM.readlink())
        )
    except OSError:  # it has gone
        return False


def _room() -> int:
    """How many connections the descriptors of this process are enough for: each has one more towards its upstream."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if allowed == resource.RLIM_INFINITY else max(1, (allowed - OWN_FILES) // 2)


def place_of(address: str) -> str:
    """What connections are counted by: an IPv4 address, or the /64 that one host of IPv6 has to itself."""
    if ":" not in address:
        return address
    ip = plain(address)
    return str(ip) if ip.version == 4 else f"{IPv6Address(int(ip) >> 64 << 64)}/64"


@dataclass(slots=True)
class _Told:
    client: connection.Client  # the first of them
    more: int = 0


class Doors:
    """Counts connections, and starts the clock of those that may come in. First of what looks at a connection."""

    name = "doors"

    def __init__(self, state: State) -> None:
        self.state = state
        self._open: dict[str, int] = {}  # by address
        self._inside: dict[str, str] = {}  # connection id → address
        self._clocks: dict[str, Clock] = {}
        self._told: dict[tuple[str, str], _Told] = {}
        self._in: dict[_Way, connection.Client] = {}
        self._out: set[_Way] = set()

    @guarded
    def client_connected(self, client: connection.Client) -> Awaitable[None] | None:
        """Let a connection in, or not. What is awaited asks the kernel whose a redirected one of this machine is."""
        limits = self.state.snapshot.settings.limits
        address = place_of(client.peername[0] if client.peername else "")
        count, way = self._open.get(address, 0), _way(client.peername, client.sockname)
        if way is not None and way in self._out:
            self._led_back(client)
        elif count >= limits.client_connections_max:
            self._turn_away(client, address, "connections of one client over the limit")
        elif len(self._inside) >= min(limits.connections_max, _room()):
            self._turn_away(client, "", "connections over the limit")
        else:
            self._open[address], self._inside[client.id] = count + 1, address
            link_of(client).bounds.limits = limits
            if way is not None:
                self._in[way] = client
            handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
            if isinstance(handler, BoundedHandler):
                self._clocks[client.id] = Clock(handler, client)
            if way is not None and client.proxy_mode.type_name == "transparent" and is_here(way[0]):
                return self._whose(client, way)
        return None

    async def _whose(self, client: connection.Client, way: _Way) -> None:
        """End it if another worker made it: with several that take turns it need never come back to the same one."""
        run = self.state.workers.run
        with contextlib.suppress(WorkersBusy, WorkersTimeout):
            if await run(_of_weirs, way, timeout_s=WHOSE_S, owner=way[0]):
                self._led_back(client)

    @guarded
    def client_disconnected(self, client: connection.Client) -> None:
        """It has gone."""
        link_of(client).bounds.end()
        clock = self._clocks.pop(client.id, None)
        if clock is not None:
            clock.stop()
        address = self._inside.pop(client.id, None)
        if address is None:
            return
        if (way := _way(client.peername, client.sockname)) is not None:
            self._in.pop(way, None)
        left = self._open[address] - 1
        if left:
            self._open[address] = left
        else:
            del self._open[address]

    @guarded
    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """One of weir's own connections stands: it may have come in here, before this was heard or after it.

        Where a redirect doesn't leave weir's own traffic alone, each request would be one more, and so on without end.
        """
        way = _way(data.server.sockname, data.server.peername)
        if way is None:
            return
        self._out.add(way)
        client = self._in.get(way)
        if client is not None:
            self._led_back(client)
            handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
            if isinstance(handler, BoundedHandler):
                handler.end(LED_BACK)

    @guarded
    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """It has gone."""
        if (way := _way(data.server.sockname, data.server.peername)) is not None:
            self._out.discard(way)

    def _led_back(self, client: connection.Client) -> None:
        self._turn_away(client, "", LED_BACK)
        log.error(
            "%s: have the redirect leave alone what weir's user sends (weir redirect up --host --user NAME)", LED_BACK
        )

    def _turn_away(self, client: connection.Client, address: str, why: str) -> None:
        client.error = why  # mitmproxy closes it
        give_up(client, why)
        link_of(client).closed = True  # this is its record, or one of another like it
        key = (address, why)
        told = self._told.get(key)
        if told is not None:
            told.more += 1
            return
        if len(self._told) >= _TOLD_MAX:
            key = ("", why)
            if key in self._told:
                self._told[key].more += 1
                return
        self._told[key] = _Told(client)
        self._record(client, why, 1)
        asyncio.get_running_loop().call_later(TELL_S, self._tell, key)

    def flush(self) -> None:
        """Tell at once what is to be told of those that were turned away: the audit is about to be closed."""
        for key in list(self._told):
            self._tell(key)

    def _tell(self, key: tuple[str, str]) -> None:
        told = self._told.pop(key, None)
        if told is not None and told.more:
            self._record(told.client, key[1], told.more)

    def _record(self, client: connection.Client, why: str, count: int) -> None:
        link = link_of(client)
        link.exchange_id, link.tries = new_event_id(), count
        settings = self.state.snapshot.settings
        self.state.spool.put(
            records.connection_record(
                link,
                client,
                "block",
                inspection=str(Inspection.FAILED),
                inspection_reason=why,
                ts_end=now_us(),
                mode=str(settings.mode),
                policy_hash=settings.hash,
                verdict="block",
                action="block",
                rule_id=RULE,
                reason=why,
            )
        )
        log.warning("%s: %s turned away", why, f"{count} more" if count > 1 else "one")
