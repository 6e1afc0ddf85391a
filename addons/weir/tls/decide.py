"""Decides at the ClientHello which connections are decrypted. Pure, and made of set look-ups: it runs on every one."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from weir.addresses import plain

__all__ = ["Decision", "HostSet", "Interception", "is_address", "normalise"]

SCOPES = ("catalogued", "all")
_DAY_S = 86_400  # how long a sample stays as it is


@dataclass(frozen=True, slots=True)
class Decision:
    """``reason``: excluded, included, catalogued, all, tenant, sampled (decrypted for these five) or uncatalogued."""

    intercept: bool
    reason: str


EXCLUDED = Decision(False, "excluded")
INCLUDED = Decision(True, "included")
CATALOGUED = Decision(True, "catalogued")
ALL = Decision(True, "all")
SAMPLED = Decision(True, "sampled")
TENANT = Decision(True, "tenant")
UNCATALOGUED = Decision(False, "uncatalogued")


class HostSet:
    """Host patterns: exact names and addresses, ``*.example.com`` (below it, not itself), or a ``*`` in other labels.

    Raises ValueError for a pattern with a ``*`` in its last label: it would be compared with every host.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        exact: set[str] = set()
        suffixes: set[str] = set()
        globs: dict[str, list[re.Pattern[str]]] = {}
        for pattern in patterns:
            host = normalise(pattern)
            if "*" not in host:
                exact.add(host)
                continue
            anchor = host.rpartition("*")[2].partition(".")[2]
            if not anchor:
                raise ValueError(f"{pattern!r} is too wide; write a * only left of the last label")
            if host == f"*.{anchor}":
                suffixes.add(anchor)
            else:
                body = "[^.]*".join(re.escape(piece) for piece in host.split("*"))
                globs.setdefault(anchor, []).append(re.compile(body))
        self._exact = frozenset(exact)
        self._suffixes = frozenset(suffixes)
        self._globs = {anchor: tuple(found) for anchor, found in globs.items()}

    def __contains__(self, host: str) -> bool:
        """True when a pattern fits ``host``, which must be normalised."""
        if host in self._exact:
            return True
        _, dot, rest = host.partition(".")
        while dot:
            if rest in self._suffixes:
                return True
            if rest in self._globs and any(glob.fullmatch(host) for glob in self._globs[rest]):
                return True
            _, dot, rest = rest.partition(".")
        return False

    def __bool__(self) -> bool:
        return bool(self._exact or self._suffixes or self._globs)


@lru_cache(maxsize=2)
def _prepared(hosts: frozenset[str]) -> HostSet:
    """The catalogue's thousands are the same in one policy after the other."""
    return HostSet(hosts)


class Interception:
    """The policy's ``intercept`` section, ready to be asked.

    ``hosts`` is the catalogue. ``scope`` is ``catalogued`` or ``all``. ``sample_percent`` is the share of the
    uncatalogued hosts that is decrypted all the same, to discover what is among them: for each client other ones, and
    the same for a day, so that no page is half in it; ``clock`` gives seconds of the calendar.
    ``tenants`` are hosts where a header confines sign-in to the company: decrypted for that alone.
    ``key`` (up to 64 bytes) makes the sample unpredictable for clients and the same after a restart.
    """

    def __init__(
        self,
        scope: str = "catalogued",
        sample_percent: float = 0.0,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hosts: Iterable[str] = (),
        key: bytes = b"",
        tenants: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if scope not in SCOPES:
            raise ValueError(f"unknown scope {scope!r}; choose {' or '.join(SCOPES)}")
        if not 0 <= sample_percent <= 100:
            raise ValueError("a sample is between 0 and 100 percent")
        self._all = scope == "all"
        self._threshold = int(sample_percent / 100 * 2**64)
        self._include = HostSet(include)
        self._exclude = HostSet(exclude)
        self._hosts = _prepared(frozenset(hosts))
        self._tenants = HostSet(tenants)
        self._key = key
        self._clock = clock

    def decide(self, sni: str, destination_host: str, source: str) -> Decision:
        """What to do with a connection: ``sni`` of the ClientHello ("" when it has none), the host of the CONNECT or
        the original destination, and the client's address.

        Exclusion beats inclusion beats scope. A client chooses its SNI freely, so where it differs from the host it
        asked the proxy for, either name is enough to be intercepted and both must be excluded to be left alone.
        """
        name = normalise(sni)
        destination = normalise(destination_host)
        first = name or destination
        # Without an SNI, or with an address as destination, there is one name only.
        other = destination if destination != first and destination and not is_address(destination) else ""
        if self._exclude and self._excluded(first, other, destination):
            return EXCLUDED
        if first in self._include or (other and other in self._include):
            return INCLUDED
        if first in self._hosts or (other and other in self._hosts):
            return CATALOGUED
        if self._all:
            return ALL
        if self._tenants and (first in self._tenants or (other and other in self._tenants)):
            return TENANT
        return SAMPLED if self._threshold and self._sampled(first, source) else UNCATALOGUED

    def must(self, destination_host: str) -> bool:
        """Whether nothing but what can be decrypted may go there; a host that is only looked at takes anything."""
        decision = self.decide("", destination_host, "")
        return decision.intercept and decision is not SAMPLED

    def _excluded(self, first: str, other: str, destination: str) -> bool:
        if first in self._exclude:
            return not other or other in self._exclude
        # An address is where the bytes really go, whatever the SNI claims.
        return not other and destination != first and destination in self._exclude

    def _sampled(self, host: str, source: str) -> bool:
        pair = f"{host}\0{source}".encode("utf-8", "surrogatepass")
        # Each pair changes at its own time of the day: at midnight all pages would change at once.
        shift = int.from_bytes(hashlib.blake2b(pair, digest_size=4, key=self._key).digest(), "big") % _DAY_S
        day = (int(self._clock()) + shift) // _DAY_S
        mark = hashlib.blake2b(pair + b"\0%d" % day, digest_size=8, key=self._key)
        return int.from_bytes(mark.digest(), "big") < self._threshold


def normalise(host: str) -> str:
    """``host`` in the one form that is compared: lower case, no final dot, A-labels, addresses in short form.

    Never raises: what is no host name stays as it is and matches nothing.
    """
    host = host.lower().removesuffix(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").removesuffix(".")
        except UnicodeError:
            return host
    # IPv4 has one spelling only (leading zeros are no address); IPv6 has many.
    return _short_address(host) if ":" in host else host


def is_address(host: str) -> bool:
    """Whether a host is an address and no name: no top-level domain ends in a digit, and no name has a colon."""
    return host[-1:].isdigit() or ":" in host


def _short_address(host: str) -> str:
    try:
        return str(plain(host.strip("[]")))
    except ValueError:
        return host
