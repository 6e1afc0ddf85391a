"""`--resolve HOST:PORT:ADDR:PORT`: connect elsewhere, keep name, SNI and certificate check as they are (as curl does).

mitmproxy finds a connection for reuse by its address, so the original one is put back as soon as the socket stands:
otherwise no connection is ever reused and the sixth request of a keep-alive client hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mitmproxy import connection
from mitmproxy.proxy import server_hooks

from weir.edge.guard import guarded

if TYPE_CHECKING:
    from weir.edge.state import State

__all__ = ["Resolve", "parse_resolve"]

Address = tuple[str, int]


def parse_resolve(specs: Iterable[str]) -> dict[Address, Address]:
    """`HOST:PORT:ADDR:PORT` (ADDR may be a bracketed IPv6 address; the last port may be left out as in curl).

    Raises ValueError with a sentence that says what to write.
    """
    table: dict[Address, Address] = {}
    for spec in specs:
        host, _, rest = spec.partition(":")
        port, _, target = rest.partition(":")
        if target.startswith("["):
            addr, _, tail = target[1:].partition("]")
            to_port = tail.removeprefix(":") or port
        else:
            addr, _, to_port = target.partition(":")
            to_port = to_port or port
        if not (host and addr and port.isdecimal() and to_port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"--resolve {spec!r}: write HOST:PORT:ADDR[:PORT], e.g. api.openai.com:443:127.0.0.1:8443")
        table[(host.lower().rstrip("."), int(port))] = (addr, int(to_port))
    return table


class Resolve:
    """Rewrites upstream addresses at connect time and clears mitmproxy's sticky connect failures."""

    name = "resolve"

    def __init__(self, table: Mapping[Address, Address], state: State | None = None) -> None:
        self.table = table
        self.state = state  # for the guard: a failure here is a decision too
        self._original: dict[str, Address] = {}

    @guarded
    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Swap the address in for the time of the connect."""
        if not self.table or not data.server.address:
            return
        host, port = data.server.address[0], data.server.address[1]
        target = self.table.get((host.lower().rstrip("."), port)) or self.table.get(("*", port))
        if target:
            self._original[data.server.id] = (host, port)
            if data.server.sni is None:
                data.server.sni = data.client.sni or host
            data.server.address = target

    def told(self, server: connection.Server) -> bool:
        """Whether where `server` is connected to is the operator's word."""
        return server.id in self._original

    @guarded
    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Put the original address back: connections are found for reuse by it."""
        self._put_back(data)

    def _put_back(self, data: server_hooks.ServerConnectionHookData) -> None:
        original = self._original.pop(data.server.id, None)
        if original:
            object.__setattr__(data.server, "address", original)  # its own setter refuses while the socket is open

    @guarded
    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        """As above; and forget the failure soon, or every later request of this client gets the cached one."""
        self._put_back(data)
        asyncio.get_running_loop().call_later(0.05, setattr, data.server, "error", None)
