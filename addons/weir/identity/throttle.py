"""Slows down guessing at the proxy's credentials. Pure: the caller brings the time; memory is bounded."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["Throttle", "Tries"]

FREE_NAME = 5  # failures of one name without a wait: people mistype
FREE_ADDRESS = 20  # of one address: many people may stand behind it
FIRST_S = 1.0
LONGEST_S = 60.0
FORGET_S = 900.0  # after so long without a failure everything is forgotten
ENTRIES_MAX = 10_000  # of names, and as many addresses


@dataclass(frozen=True, slots=True)
class Tries:
    """Failures counted for one name or one address, and until when it has to wait."""

    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Counts failed credentials by name and by address; each failure beyond the free ones doubles the wait.

    Ask `wait` before a check that is not answered from memory, and tell `failed` or `passed` after it. Whoever logged
    in before is known from memory and never asked here, so guessing at a name does not lock its owner out.
    """

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._max = entries_max
        self._names: OrderedDict[str, Tries] = OrderedDict()
        self._addresses: OrderedDict[str, Tries] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, name: str, now: float) -> float:
        """Seconds until the next try may be checked; 0.0 when it may be now."""
        with self._lock:
            told = (self._names.get(_name(name)) if name else None, self._addresses.get(_network(address)))
        return max(0.0, *(tries.until - now for tries in told if tries), 0.0)

    def failed(self, address: str, name: str, now: float) -> Tries:
        """A credential was wrong. Returns what is now counted for whichever of the two waits longer, for the audit.

        Without a name only the address counts.
        """
        with self._lock:
            one = self._count(self._names, _name(name), FREE_NAME, now) if name else Tries()
            other = self._count(self._addresses, _network(address), FREE_ADDRESS, now)
        return max(one, other, key=lambda tries: (tries.until, tries.count))

    def passed(self, name: str) -> None:
        """A credential was right: its name starts anew. The address does not, or one's own login would reset it."""
        with self._lock:
            self._names.pop(_name(name), None)

    def __len__(self) -> int:
        return len(self._names) + len(self._addresses)

    def _count(self, table: OrderedDict[str, Tries], key: str, free: int, now: float) -> Tries:
        old = table.pop(key, Tries())
        count = 1 if now - old.last > FORGET_S else old.count + 1
        beyond = count - free
        pause = min(LONGEST_S, FIRST_S * 2.0 ** min(beyond, 10)) if beyond > 0 else 0.0
        table[key] = Tries(count, now, now + pause if pause else 0.0)
        if len(table) > self._max:
            table.popitem(last=False)
        return table[key]


def _name(name: str) -> str:
    return name.casefold()[:256]


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        # A single client has the whole /64 to send from.
        return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
    return str(ip)
