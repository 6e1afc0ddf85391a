"""Whether a connection came through the kernel's WireGuard (Linux): only then does its address prove a peer's key.

The kernel sends what goes to an address through one interface, and a TCP connection stands only when its caller got our
first answer. So when the way back to the caller leads into a WireGuard interface, only the peer that owns the address
can have made the connection, whatever interface its packets came in by.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

from weir.addresses import Address, plain

__all__ = ["INTERFACES", "interface_towards", "through_wireguard"]

INTERFACES = Path("/sys/class/net")
_GET_ROUTE, _NEW_ROUTE, _REQUEST = 26, 24, 1  # rtnetlink(7)
_TO, _FROM, _OUT = 1, 2, 4
_HEAD, _ROUTE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBBBBBI"), struct.Struct("=HH")
_PATIENCE_S = 0.1  # the kernel answers within microseconds
_REPLY_MAX = 8192


def through_wireguard(caller: str, ours: str, interfaces: Path = INTERFACES) -> bool:
    """Whether what ``ours`` sends to ``caller`` (addresses) goes into a WireGuard interface. False when unknown."""
    name = interface_towards(caller, ours)
    if not name:
        return False
    try:
        return "DEVTYPE=wireguard" in (interfaces / name / "uevent").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return False


def interface_towards(caller: str, ours: str) -> str:
    """The interface by which the kernel would send from ``ours`` to ``caller``; "" when it says none. Microseconds.

    An ``ours`` that is not this machine's, as the original destination of a redirected connection, is left out.
    """
    try:
        to, source = plain(caller), plain(ours)
    except ValueError:
        return ""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(_PATIENCE_S)
            number = 0
            for question in (_question(to, source), _question(to, None)):
                if not number:
                    kernel.send(question)
                    number = _out(kernel.recv(_REPLY_MAX))
        return socket.if_indextoname(number) if number else ""
    except (OSError, AttributeError, struct.error):  # AttributeError: not Linux
        return ""


def _question(to: Address, source: Address | None) -> bytes:
    family = socket.AF_INET if to.version == 4 else socket.AF_INET6
    ends = [(_TO, to)]
    if source is not None and source.version == to.version:
        ends.append((_FROM, source))
    body = _ROUTE.pack(family, to.max_prefixlen, to.max_prefixlen if len(ends) > 1 else 0, 0, 0, 0, 0, 0, 0)
    for kind, address in ends:
        body += _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address.packed), kind) + address.packed
    return _HEAD.pack(_HEAD.size + len(body), _GET_ROUTE, _REQUEST, 1, os.getpid() & 0xFFFF) + body


def _out(answer: bytes) -> int:
    """The index of the interface in the kernel's answer; 0 when it is an error or names none."""
    length, kind, _, _, _ = _HEAD.unpack_from(answer)
    at, end = _HEAD.size + _ROUTE.size, min(length, len(answer))
    while kind == _NEW_ROUTE and at + _ATTRIBUTE.size <= end:
        size, what = _ATTRIBUTE.unpack_from(answer, at)
        if size < _ATTRIBUTE.size:
            return 0
        if what == _OUT:
            return int(struct.unpack_from("=I", answer, at + _ATTRIBUTE.size)[0])
        at += (size + 3) & ~3
    return 0
