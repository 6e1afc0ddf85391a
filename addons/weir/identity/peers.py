"""WireGuard peers: whose public key stands behind a connection that came through a tunnel.

mitmproxy's own WireGuard server has one peer an instance: its key is the instance's, and no address proves anything.
The kernel's takes a packet from a peer only when its source lies in the peer's AllowedIPs, so inside of such a tunnel,
and nowhere else, an address is a proof of the key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import replace

from weir.identity.networks import Networks
from weir.model import Principal

__all__ = ["STRENGTH", "Peers", "key_problem"]

STRENGTH = 2


class Peers:
    """Peers by their tunnel addresses. Raises ValueError for a malformed key, or an address of two peers."""

    def __init__(self, peers: Iterable[tuple[str, Sequence[str], Principal]] = ()) -> None:
        entries: list[tuple[str, Principal]] = []
        self._by_key: dict[str, Principal] = {}
        for key, addresses, principal in peers:
            problem = key_problem(key)
            if problem:
                raise ValueError(problem)
            if key in self._by_key:
                raise ValueError("a WireGuard key stands in the list twice; keep one")
            entries += [(address, principal) for address in addresses]
            self._by_key[key] = replace(principal, method="peer", strength=STRENGTH)
        self._table = Networks(entries)

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def of_key(self, key: str) -> Principal | None:
        """The peer of that public key, as mitmproxy's WireGuard instance names it; None when policy has none."""
        return self._by_key.get(key)

    def lookup(self, address: str) -> Principal | None:
        """The peer whose tunnel address this is, or None. Only for connections out of the kernel's WireGuard."""
        found = self._table.lookup(address)
        return replace(found, method="peer", strength=STRENGTH) if found else None


def key_problem(key: str) -> str:
    """What is wrong with a public key as ``wg pubkey`` prints it; "" when nothing is. Quotes nothing."""
    try:
        fits = len(key) == 44 and len(base64.b64decode(key, validate=True)) == 32
    except (binascii.Error, ValueError):
        fits = False
    return "" if fits else "a WireGuard public key is 44 characters, as `wg pubkey` prints it"
