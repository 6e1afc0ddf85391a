"""The sockets that a fleet listens on: one a worker and address, all bound and kept by the parent.

They share their port (SO_REUSEPORT): the kernel spreads new connections over them. As the parent keeps each of them
open, what waits in the queue of one whose worker has died is not reset: whoever takes the worker's place accepts it.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from mitmproxy.proxy.mode_specs import ProxyMode

__all__ = ["BACKLOG", "Bound", "Place", "bind", "places_of"]

BACKLOG = 1024  # connections that wait to be accepted, a socket
_TRIES = 20  # for a free port that is free for IPv4 and IPv6

Place = tuple[str, int]  # host and port as mitmproxy's server instance asks for them


@dataclass(frozen=True, slots=True)
class Bound:
    """One listening socket: the place that was asked for, and the worker whose it is (1 …)."""

    place: Place
    slot: int
    socket: socket.socket


def places_of(modes: Sequence[str], host: str, port: int) -> list[Place]:
    """Where these modes listen. Raises ValueError for a mode that several processes cannot share, or is none."""
    places = []
    for text in modes:
        mode = ProxyMode.parse(text)
        if mode.transport_protocol != "tcp" or mode.listen_port(port) is None:
            raise ValueError(f"mode {mode.type_name} is for one process alone; run it without --workers")
        places.append((mode.listen_host(host), int(mode.listen_port(port) or 0)))
    return places


def bind(places: Sequence[Place], slots: int) -> list[Bound]:
    """Listen at every place with ``slots`` sockets each; an empty host is every address of IPv4 and IPv6.

    Raises OSError, and then leaves nothing open.
    """
    bound: list[Bound] = []
    try:
        for place in places:
            bound += _bind_place(place, slots)
    except OSError:
        for one in bound:
            one.socket.close()
        raise
    return bound


def _bind_place(place: Place, slots: int) -> list[Bound]:
    host, port = place
    for last in range(_TRIES - 1, -1, -1):
        made: list[Bound] = []
        try:
            return _bind_once(place, slots, made)
        except OSError as error:
            for one in made:
                one.socket.close()
            if port or not last or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, f"no port is free at {host}")


def _bind_once(place: Place, slots: int, made: list[Bound]) -> list[Bound]:
    host, port = place
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    families = {family: address for family, _, _, _, address in reversed(found)}
    for family, address in families.items():
        try:
            port = _bind_family(place, family, (address[0], port, *address[2:]), slots, made)
        except OSError as error:
            if host or error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise  # else one of the two families is not there; the other will do
    if not made:
        raise OSError(errno.EADDRNOTAVAIL, "no address to listen on")
    return made


def _bind_family(place: Place, family: int, address: tuple[str | int, ...], slots: int, made: list[Bound]) -> int:
    """The port that they all have."""
    port = int(address[1])
    for slot in range(1, slots + 1):
        one = socket.socket(family, socket.SOCK_STREAM)
        made.append(Bound(place, slot, one))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
        one.bind((address[0], port, *address[2:]))
        port = one.getsockname()[1]
    for bound in made:
        if bound.socket.family == family:
            bound.socket.listen(BACKLOG)
    return port
