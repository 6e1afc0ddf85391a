"""Whether the name that a client shows in TLS belongs to the address that it had itself connected to.

A client chooses both. With the name of a host that passes undecrypted it could have anything at any address pass so.
Where the kernel redirects connections every one of them is to an address, and names have other addresses for other
people: there nothing is asked.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

from weir.addresses import plain
from weir.edge.bounds.destinations import RULE
from weir.tls.decide import is_address

if TYPE_CHECKING:
    from mitmproxy import connection

    from weir.edge.state import Snapshot
    from weir.edge.trace import Link
    from weir.settings import Settings

__all__ = ["Names", "doubtful"]

_MODES = ("regular", "socks5")
_TIMEOUT_S = 3.0
_KEPT_S, _KEPT_MAX = 60.0, 1000


def doubtful(snapshot: Snapshot, link: Link, client: connection.Client, destination: str) -> bool:
    """Whether a connection that would pass undecrypted has to prove where it goes."""
    settings = snapshot.settings
    if settings.destinations.forged == "allow" or settings.mode != "enforce" or link.failed:
        return False
    if not (link.sni and is_address(destination) and client.proxy_mode.type_name in _MODES):
        return False
    return snapshot.interception.decide("", destination, "").reason != "excluded"  # if it is itself, names don't matter


class Names:
    """What names resolve to, for a minute."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    async def lead_to(self, name: str, address: str) -> bool:
        """Whether ``address`` is one of ``name``'s. False when that can't be known in three seconds."""
        now = time.monotonic()
        until, found = self._known.get(name, (0.0, frozenset[str]()))
        if until < now:
            found = await _ask(name)
            while len(self._known) >= _KEPT_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[name] = (now + _KEPT_S, found)
        return str(plain(address)) in found

    async def judge(self, settings: Settings, link: Link, destination: str) -> bool:
        """Whether such a connection may pass undecrypted; if policy wants it ended instead, that is noted."""
        if await self.lead_to(link.sni, destination):
            return True
        if settings.destinations.forged == "decrypt":
            return False
        link.refused, link.refused_by = True, RULE
        link.refused_why = "the name in TLS does not lead to the address of the connection"
        return True


async def _ask(name: str) -> frozenset[str]:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return frozenset()
    return frozenset(str(plain(str(one[4][0]))) for one in found)
