"""What kind of place an IP address is: somewhere on the Internet, or one that a proxy must not be talked into."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from weir.addresses import Address, Network, network, plain

__all__ = ["LOOPBACK", "METADATA", "PRIVATE", "Guard", "kind_of"]

METADATA = "metadata"
LOOPBACK = "loopback"
PRIVATE = "private"

# Where clouds hand out credentials to whoever asks from inside: AWS, Azure, Google, Oracle and others by the first;
# then AWS containers, Alibaba, Oracle, Azure's host, AWS and Google over IPv6. Link-local addresses count as such too.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
        ),
    )
)
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")  # of carriers; neither private nor global
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")
# IPv6 that carries an IPv4 address, and how far it stands from the right: a translator on the way would go there.
_CARRIERS = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4
    (ipaddress.IPv6Network("::/96"), 0),  # IPv4-compatible
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated
)
_OWN_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_TEREDO = ipaddress.IPv6Network("2001::/32")


def _carried(ip: ipaddress.IPv6Address) -> tuple[Address, ...]:
    if ip in _TEREDO:
        return (ipaddress.IPv4Address(~int(ip) & 0xFFFFFFFF),)
    for carrier, shift in _CARRIERS:
        if ip in carrier and int(ip) > 1:
            return (ipaddress.IPv4Address((int(ip) >> shift) & 0xFFFFFFFF),)
    return _translated(int(ip)) or (ip,) if ip in _OWN_NAT64 else (ip,)


def _translated(number: int) -> tuple[Address, ...]:
    """What a translator of one's own may make of an address: how long its prefix is, nobody tells (RFC 6052)."""
    bare = (number >> 64 << 56) | (number & ((1 << 56) - 1))  # without the octet that is no part of it
    ends = (bare >> 40, bare >> 32, bare >> 24, number)
    found = dict.fromkeys(end & 0xFFFFFFFF for end in ends)
    return tuple(ipaddress.IPv4Address(one) for one in found if one >> 24)  # no host begins with 0


@lru_cache(maxsize=4096)
def kind_of(address: str) -> str:
    """``metadata``, ``loopback``, ``private`` or, for an address on the Internet, "". Raises ValueError for no address.

    ``private`` is everything else that is not routed: private and shared networks, multicast, reserved addresses. An
    IPv4 address within an IPv6 one counts as itself; the unspecified address leads to the machine's own.
    """
    ip: Address = plain(address)
    if not isinstance(ip, ipaddress.IPv6Address):
        return _kind(ip)
    if ip in _METADATA:
        return METADATA
    found = {_kind(one) for one in _carried(ip)}
    return next((kind for kind in (METADATA, LOOPBACK, PRIVATE) if kind in found), "")


def _kind(ip: Address) -> str:
    if ip in _METADATA or ip.is_link_local:
        return METADATA
    if ip.is_loopback or ip.is_unspecified or (ip.version == 4 and int(ip) < 1 << 24):
        return LOOPBACK
    shared = isinstance(ip, ipaddress.IPv4Address) and ip in _SHARED
    site = isinstance(ip, ipaddress.IPv6Address) and ip in _SITE_LOCAL
    return PRIVATE if shared or site or ip.is_multicast or ip.is_reserved or not ip.is_global else ""


class Guard:
    """The policy's ``destinations``, ready to be asked. ``exempt`` are networks that are nobody's concern."""

    def __init__(
        self, private: bool = True, metadata: bool = True, loopback: bool = True, exempt: Iterable[str] = ()
    ) -> None:
        self._private, self._metadata, self._loopback = private, metadata, loopback
        self._exempt: tuple[Network, ...] = tuple(network(text) for text in exempt)

    def refuses(self, address: str, *, ai: bool, local: bool, here: bool = False) -> str:
        """What is wrong with connecting to ``address``: its kind; "" when it may be done.

        ``ai``: for an exchange with an AI service. ``local``: for a client on the proxy's own machine, who could go to
        a loopback address without a proxy. ``here``: it is an address of that machine, where whoever connects from
        within is met by no firewall, as at a loopback address.
        """
        kind = kind_of(address)
        if here and not local and kind != METADATA:
            kind = LOOPBACK
        if not kind or self._exempted(address):
            return ""
        if kind == METADATA:
            return kind if self._metadata else ""
        if kind == LOOPBACK and self._loopback and not local:
            return kind
        return kind if ai and self._private else ""

    def _exempted(self, address: str) -> bool:
        ip = plain(address)
        return any(ip.version == one.version and ip in one for one in self._exempt)
