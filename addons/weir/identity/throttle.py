"""Slows down guessing at the proxy's credentials. Pure: the caller brings the time; memory is bounded."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass

from weir.addresses import plain

__all__ = ["NAME_MAX", "Throttle", "Tries", "network_of"]

FREE_NAME = 5  # failures of one name without a wait: people mistype
FREE_ADDRESS = 20  # of one address: many people may stand behind it
FIRST_S = 1.0
LONGEST_S = 60.0
FORGET_S = 900.0  # after so long without a failure everything is forgotten
ENTRIES_MAX = 10_000  # of names, and as many addresses
NAME_MAX = 256  # characters of a name that count


@dataclass(frozen=True, slots=True)
class Tries:
    """Failures counted for one name or one address, and until when it has to wait."""

    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Counts failed credentials by name and by address; each failure beyond the free ones doubles the wait.

    Ask `wait` before a check that is not answered from memory, and tell `failed` or `passed` after it. Credentials that
    were right before are no guess (`was_right`), so guessing at a name does not lock out an owner who has logged in.
    """

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._max = entries_max
        self._names: OrderedDict[str, Tries] = OrderedDict()
        self._addresses: OrderedDict[str, Tries] = OrderedDict()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()

    def wait(self, address: str, name: str, now: float) -> float:
        """Seconds until the next try may be checked; 0.0 when it may be now."""
        with self._lock:
            told = (self._names.get(_name(name)) if name else None, self._addresses.get(network_of(address)))
        return max(0.0, *(tries.until - now for tries in told if tries), 0.0)

    def failed(self, address: str, name: str, now: float, *, kind: str = "") -> Tries:
        """A credential was wrong. Returns what is now counted for whichever of the two waits longer, for the audit.

        Without a name only the address counts. What is of another ``kind`` is counted apart, and makes nobody wait.
        """
        with self._lock:
            one = self._count(self._names, _name(name), FREE_NAME, now) if name else Tries()
            other = self._count(self._addresses, kind + network_of(address), FREE_ADDRESS, now)
        return max(one, other, key=lambda tries: (tries.until, tries.count))

    def passed(self, name: str, shown: str = "") -> None:
        """A credential was right: its name starts anew. The address does not, or one's own login would reset it.

        What was ``shown`` is remembered, as a keyed hash. When it comes again, its name does not start anew: it needs
        no free tries, and whoever guesses meanwhile is to have no more of them.
        """
        mark = self._mark(shown)
        with self._lock:
            if mark not in self._right:
                self._names.pop(_name(name), None)
            if shown:
                self._right[mark] = None
                self._right.move_to_end(mark)
            if len(self._right) > self._max:
                self._right.popitem(last=False)

    def was_right(self, shown: str) -> bool:
        """Whether these very credentials were right once, whatever they are now."""
        mark = self._mark(shown)
        with self._lock:
            return mark in self._right

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

    def _mark(self, shown: str) -> bytes:
        return hmac.digest(self._secret, shown.encode("utf-8", "surrogatepass"), "sha256")


def _name(name: str) -> str:
    # A directory takes many spellings for one name: any case and width, spaces, accents, characters that nobody sees.
    # Each as a name of its own would have its own free tries.
    bare = "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name[:NAME_MAX]).casefold()))
    return bare[:NAME_MAX] or name[:NAME_MAX]


def network_of(address: str) -> str:
    """What a single client has to send from: its IPv4 address, or the /64 of its IPv6 address."""
    try:
        ip = plain(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
    return str(ip)
