"""Clients that turn weir's certificate down: who did so where, how often, and until when that holds.

In memory only: after a restart they turn it down again, as often as policy wants. A client is an address and what its
ClientHello is made of, so that a program that pins does not speak for the browser beside it.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Pins", "client_of"]

_CLIENTS_MAX = 2_000  # addresses …
_PLACES_MAX = 64  # … and of each so many pairs of program and host: no one fills the memory with names it makes up
# Extensions that come and go between the connections of one program: padding, resumption, early data.
_PASSING = frozenset((21, 41, 42))

_Key = tuple[str, str]  # what the program is made of, host


def client_of(address: str, ciphers: Iterable[int], extensions: Iterable[int]) -> tuple[str, str]:
    """Who a client is as far as its handshake shows: its address, and a digest of what its TLS library offers.

    ``extensions`` are their types; order and values that libraries draw by lot (RFC 8701) don't count.
    """
    kinds = sorted(kind for kind in extensions if kind not in _PASSING and not _greased(kind))
    offered = [suite for suite in ciphers if not _greased(suite)]
    return address, hashlib.blake2b(repr((offered, kinds)).encode(), digest_size=8).hexdigest()


def _greased(value: int) -> bool:
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


@dataclass(slots=True)
class _Place:
    """What is known of one client at one host. ``since`` is when it first turned down, or was pinned."""

    times: int = 0
    since: float = 0.0
    pinned: bool = False
    trusted: bool = False  # has sent requests under weir's certificate


class Pins:
    """Counts, bounded in size and in time. ``clock`` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, OrderedDict[_Key, _Place]] = OrderedDict()

    def holds(self, who: tuple[str, str], host: str, hours: int) -> bool:
        """Whether this client is pinned at this host; what is older than ``hours`` is forgotten."""
        place = self._find(who, host, hours)
        return place is not None and place.pinned

    def failed(self, who: tuple[str, str], host: str, after: int, hours: int, *, silent: bool = False) -> int:
        """It turned the certificate down; how often it has, 0 when that was not counted. Pinned from ``after`` on.

        ``silent``: it said nothing, only left after the handshake. So do browsers with connections that they don't
        need, and a client that has sent requests under the certificate is not counted for that.
        """
        place = self._find(who, host, hours) or self._made(who, host)
        if silent and place.trusted:
            return 0
        place.times, place.trusted = place.times + 1, False
        if not place.pinned and place.times >= after:
            place.pinned, place.since = True, self._clock()
        return place.times

    def trusted(self, who: tuple[str, str], host: str, *, remember: bool = True) -> None:
        """It sent a request under weir's certificate: what it did before doesn't count any more.

        ``remember`` that it did, for where silence counts: elsewhere that would only push out what does.
        """
        places = self._known.get(who[0])
        place = places.get((who[1], host)) if places is not None else None
        if place is None:
            if not remember:
                return
            place = self._made(who, host)
        place.times, place.pinned, place.trusted, place.since = 0, False, True, self._clock()

    def _find(self, who: tuple[str, str], host: str, hours: int) -> _Place | None:
        places = self._known.get(who[0])
        place = places.get((who[1], host)) if places is not None else None
        if places is None or place is None:
            return None
        if self._clock() - place.since >= hours * 3600:
            del places[who[1], host]
            return None
        places.move_to_end((who[1], host))
        self._known.move_to_end(who[0])
        return place

    def _made(self, who: tuple[str, str], host: str) -> _Place:
        places = self._known.setdefault(who[0], OrderedDict())
        self._known.move_to_end(who[0])
        place = places[who[1], host] = _Place(since=self._clock())
        if len(places) > _PLACES_MAX:
            places.popitem(last=False)
        if len(self._known) > _CLIENTS_MAX:
            self._known.popitem(last=False)
        return place
