"""Source networks: which principal stands behind an address. The longest prefix wins."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace

from weir.addresses import plain
from weir.model import Principal

__all__ = ["STRENGTH", "Networks"]

STRENGTH = 1
"""An address is the weakest proof: whoever sits in the network has it."""

_V4_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class Networks:
    """A list of (CIDR, principal), searched in one dictionary lookup a distinct prefix length.

    Raises ValueError, naming the entry and what to write instead, for anything that is not a network address or
    stands there twice. IPv4-mapped IPv6 networks and addresses count as the IPv4 ones they are.
    """

    def __init__(self, entries: Iterable[tuple[str, Principal]] = ()) -> None:
        tables: dict[tuple[int, int], dict[int, Principal]] = {}
        for cidr, principal in entries:
            network = _network(cidr)
            key = (network.version, network.max_prefixlen - network.prefixlen)
            table = tables.setdefault(key, {})
            prefix = int(network.network_address) >> key[1]
            if prefix in table:
                raise ValueError(f"the network {network} stands in the list twice; keep one")
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


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        try:
            wider = ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            raise ValueError(f"{cidr!r} is not a network; write it like 10.20.0.0/16 or 2001:db8::/32") from None
        raise ValueError(f"{cidr!r} has host bits set; write {wider}") from None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_V4_MAPPED):
        low = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network((int(low or 0), network.prefixlen - 96))
    return network
