"""IP addresses and networks as sockets, kernels and people write them, in the one form that is compared."""

from __future__ import annotations

import ipaddress

__all__ = ["Address", "Network", "network", "plain"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_V4_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def plain(address: str) -> Address:
    """``address`` without its zone (``%eth0`` names an interface), and as IPv4 where it is IPv4 mapped into IPv6.

    Raises ValueError for what is no address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    return (ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None) or ip


def network(text: str) -> Network:
    """A network such as ``10.20.0.0/16``, or one address; as IPv4 where it is IPv4 mapped into IPv6.

    Raises ValueError, saying what to write instead.
    """
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        try:
            wider = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is not a network; write it like 10.20.0.0/16 or 2001:db8::/32") from None
        raise ValueError(f"{text!r} has host bits set; write {wider}") from None
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_V4_MAPPED):
        return ipaddress.IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found
