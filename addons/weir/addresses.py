"""IP addresses as sockets and kernels write them, in the one form that is compared."""

from __future__ import annotations

import ipaddress

__all__ = ["Address", "plain"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def plain(address: str) -> Address:
    """``address`` without its zone (``%eth0`` names an interface), and as IPv4 where it is IPv4 mapped into IPv6.

    Raises ValueError for what is no address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    return (ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None) or ip
