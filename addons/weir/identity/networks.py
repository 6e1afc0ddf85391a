"""Source networks: which principal stands behind an address. The longest prefix wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from weir.addresses import network, plain
from weir.model import Principal

__all__ = ["STRENGTH", "Networks"]

STRENGTH = 1
"""An address is the weakest proof: whoever sits in the network has it."""


class Networks:
    """A list of (CIDR, principal), searched in one dictionary lookup a distinct prefix length.

    Raises ValueError, naming the entry and what to write instead, for anything that is not a network address or
    stands there twice. IPv4-mapped IPv6 networks and addresses count as the IPv4 ones they are.
    """

    def __init__(self, entries: Iterable[tuple[str, Principal]] = ()) -> None:
        tables: dict[tuple[int, int], dict[int, Principal]] = {}
        for cidr, principal in entries:
            net = network(cidr)
            key = (net.version, net.max_prefixlen - net.prefixlen)
            table = tables.setdefault(key, {})
            prefix = int(net.network_address) >> key[1]
            if prefix in table:
                raise ValueError(f"the network {net} stands in the list twice; keep one")
            table[prefix] = replace(principal, method="network", strength=STRENGTH)
        # Sorted by host bits, ascending: the longest prefix is asked first.
        ordered = sorted(tables.items())
        self._v4 = tuple((shift, table) for (version, shift), table in ordered if version == 4)
        self._v6 = tuple((shift, table) for (version, shift), table in ordered if version == 6)

    def lookup(self, address: str) -> Principal | None:
        """The principal of the smallest network that holds ``address``; None when none does or it is no address."""
        try:
            ip = plain(address)
        except ValueError:
            return None
        number = int(ip)
        for shift, table in self._v4 if ip.version == 4 else self._v6:
            found = table.get(number >> shift)
            if found is not None:
                return found
        return None
