"""Which places are left alone for a while: hosts that failed several times in a row, and keys that are limited there.

A host is closed (all is well), open (it rests), or half open: its rest is over and one request tries it, and that one's
outcome closes it or lets it rest again. It is so for everybody when its connections fail, or when requests of several
callers do: of a number of failures no caller counts for more than half. Whose requests alone fail has the host at rest
for himself, and takes it from nobody. Pure but for the clock it is given.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["CONNECTION", "REST_S_MAX", "Board", "Change"]

REST_S_MAX = 600.0  # however long a provider asks to be left alone
CONNECTION = ""  # who failed when it was no request
_HOSTS_MAX = 1024
_OWN_MAX = 4096  # of one caller each
_CALLERS_MAX = 64  # told apart at one host: by then it rests, whatever policy says
_LIMITS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Change:
    """A host was left alone (``rest_s`` > 0 seconds, after so many ``failures``) or is taken again (0).

    ``caller``: by whom alone; "" for everybody.
    """

    host: str
    rest_s: float
    failures: int
    caller: str = ""


@dataclass(slots=True)
class _Place:
    failures: int = 0
    until: float = 0.0  # it rests, or one who tries it is out, until then
    rest_s: float = 0.0  # 0: closed
    by: dict[str, int] = field(default_factory=dict)  # failures, by whose they were
    last: str = CONNECTION  # whose was the last

    @property
    def closed(self) -> bool:
        return not self.rest_s

    def fail(self, caller: str) -> None:
        self.failures += 1
        self.last = caller
        if caller in self.by or len(self.by) < _CALLERS_MAX:
            self.by[caller] = self.by.get(caller, 0) + 1

    def enough(self, failures: int) -> bool:
        """Whether so many failures are everybody's business."""
        most = max(1, (failures + 1) // 2)
        connection = self.by.get(CONNECTION, 0)
        if connection >= failures:
            return True
        others = sum(min(count, most) for caller, count in self.by.items() if caller != CONNECTION)
        return connection + others >= max(failures, 2)

    def rest(self, now: float, wait: float) -> bool:
        """Let it rest; whether that is news."""
        if wait <= 0 or self.until > now + wait:
            return False
        news = self.rest_s != wait
        self.until, self.rest_s = now + wait, wait
        return news


class Board:
    """What is known of every host, for all policies and services; bounded, the oldest is forgotten. Never blocks."""

    def __init__(self, mono: Callable[[], float] = time.monotonic) -> None:
        self._mono = mono
        self._lock = threading.Lock()
        self._hosts: OrderedDict[str, _Place] = OrderedDict()
        self._own: OrderedDict[tuple[str, str], _Place] = OrderedDict()  # by host and caller
        self._limited: OrderedDict[tuple[str, str], float] = OrderedDict()

    def state(self, host: str, caller: str = "") -> str:
        """``closed``, ``open`` or ``half-open``: for everybody, or what ``caller`` has brought about for himself."""
        with self._lock:
            known = self._own.get((host, caller)) if caller else self._hosts.get(host)
            if known is None or known.closed:
                return "closed"
            return "open" if known.until > self._mono() else "half-open"

    def limited(self, host: str, key: str) -> bool:
        """Whether ``key`` was told at ``host`` to wait, and still has to."""
        with self._lock:
            return self._limited.get((host, key), 0.0) > self._mono()

    def admits(self, host: str, key: str, caller: str = "") -> bool:
        """Whether a request of ``caller`` may go to ``host`` with ``key`` now.

        Of a host whose rest is over only one who asks is let through: it has as long as the rest was to report. Whose
        request failed at that stands back for another such time, so that somebody else's tries it.
        """
        with self._lock:
            now = self._mono()
            if self._limited.get((host, key), 0.0) > now:
                return False
            places = [known for known in (self._own.get((host, caller)), self._hosts.get(host)) if known is not None]
            for known in places:
                if not known.closed and known.until > now:
                    return False
            for known in places:
                again = known is self._hosts.get(host) and caller and caller == known.last
                if not known.closed and again and known.until + known.rest_s > now:
                    return False
            for known in places:
                if not known.closed:
                    known.until = now + known.rest_s
            return True

    def answered(self, host: str, caller: str = "") -> Change | None:
        """The host answered as it should; what follows, if anything. What was under way when it failed counts too."""
        with self._lock:
            own, known = self._own.pop((host, caller), None), self._hosts.pop(host, None)
            if known is not None and not known.closed:
                return Change(host, 0.0, known.failures)
            return Change(host, 0.0, own.failures, caller) if own is not None and not own.closed else None

    def failed(
        self, host: str, failures: int, rest_s: float, asked_s: float | None = None, caller: str = CONNECTION
    ) -> Change | None:
        """A request of ``caller`` failed there, or the connection itself: after ``failures`` in a row it rests.

        For ``rest_s`` seconds. With ``asked_s`` (its `Retry-After`) it rests for so long, and for ``caller`` at once.
        The change that follows, if any.
        """
        with self._lock:
            now, change = self._mono(), None
            wait = min(asked_s if asked_s is not None else rest_s, REST_S_MAX)
            at_once = asked_s is not None
            known = _known(self._hosts, host, _HOSTS_MAX)
            known.fail(caller)
            if not known.closed or known.enough(failures) or (at_once and caller == CONNECTION):
                change = Change(host, wait, known.failures) if known.rest(now, wait) else None
            if caller == CONNECTION:
                return change
            own = _known(self._own, (host, caller), _OWN_MAX)
            own.failures += 1
            if (at_once or not own.closed or own.failures >= failures) and own.rest(now, wait) and known.closed:
                change = Change(host, wait, own.failures, caller)
            return change

    def limit(self, host: str, key: str, rest_s: float) -> None:
        """``key`` has to wait for ``rest_s`` seconds at ``host``; elsewhere it may have room."""
        with self._lock:
            until = self._mono() + min(rest_s, REST_S_MAX)
            self._limited[host, key] = max(until, self._limited.pop((host, key), 0.0))
            while len(self._limited) > _LIMITS_MAX:
                self._limited.popitem(last=False)


def _known[K](places: OrderedDict[K, _Place], at: K, most: int) -> _Place:
    """What is known of a place, made if nothing is; the oldest beyond ``most`` is forgotten."""
    known = places.setdefault(at, _Place())
    places.move_to_end(at)
    while len(places) > most:
        places.popitem(last=False)
    return known
