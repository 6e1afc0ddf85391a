"""What one worker has learnt and all must know: clients that pin, hosts with AI on them, wrong credentials, reasons.

Each of these is a memory that changes by calls. A call that changes one is told to the parent, which tells the other
workers, and they make it too: within milliseconds, and without any of them waiting. What a worker learnt before another
was started is not told again; the files that outlive all of them are no part of this.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from weir.edge.state import State
from weir.identity.throttle import NAME_MAX, Tries
from weir.policy.coach import Coaching, Held, Ticket
from weir.tls.pins import Pins

__all__ = ["Gossip", "SharedCoaching", "SharedFound", "SharedPins"]

log = logging.getLogger("weir.fleet")
Tell = Callable[[Mapping[str, Any]], None]
_HOSTS_MAX = 1_000  # as many as a worker keeps
_AGAIN_S = 60.0  # a host in use is told again so often: where it was pushed out, it comes back


class SharedPins(Pins):
    """Clients that turn the certificate down, counted over all workers."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def failed(self, who: tuple[str, str], host: str, after: int, hours: int, *, silent: bool = False) -> int:
        """As in Pins."""
        self._tell({"failed": [*who, host, after, hours, silent]})
        return super().failed(who, host, after, hours, silent=silent)

    def trusted(self, who: tuple[str, str], host: str, *, remember: bool = True) -> None:
        """As in Pins."""
        self._tell({"trusted": [*who, host, remember]})
        super().trusted(who, host, remember=remember)

    def hear(self, said: Mapping[str, Any]) -> None:
        """What another worker has been through."""
        if "failed" in said:
            address, made_of, host, after, hours, silent = said["failed"]
            super().failed((address, made_of), host, after, hours, silent=silent)
        else:
            address, made_of, host, remember = said["trusted"]
            super().trusted((address, made_of), host, remember=remember)


class SharedCoaching(Coaching):
    """Requests held back and reasons stated: the page may be asked for through any worker."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def hold(self, held: Held) -> tuple[str, Ticket]:
        """As in Coaching."""
        token, ticket = super().hold(held)
        told = dataclasses.asdict(held) | {"rules": {rule: sorted(found) for rule, found in held.rules.items()}}
        self._tell({"held": [token, ticket.id, ticket.expires, told]})
        return token, ticket

    def grant(self, token: str, address: str, user: str, reason: str, minutes: int) -> Ticket | None:
        """As in Coaching."""
        ticket = super().grant(token, address, user, reason, minutes)
        if ticket is not None:
            self._tell({"granted": [token, address, user, reason, minutes]})
        return ticket

    def hear(self, said: Mapping[str, Any]) -> None:
        """What was held, or stated, elsewhere."""
        if "granted" in said:
            token, address, user, reason, minutes = said["granted"]
            super().grant(token, address, user, reason, minutes)
            return
        token, ticket_id, expires, told = said["held"]
        rules = {rule: frozenset(found) for rule, found in told["rules"].items()}
        instead = tuple((name, address) for name, address in told["instead"])
        self.adopt(token, Ticket(ticket_id, Held(**told | {"rules": rules, "instead": instead}), float(expires)))


class SharedFound(dict[str, None]):
    """Hosts on which AI was discovered."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell
        self._again: dict[str, float] = {}  # when a host is news once more

    def __setitem__(self, host: str, value: None) -> None:
        now = time.monotonic()
        if now >= self._again.get(host, 0.0):
            if len(self._again) > _HOSTS_MAX:
                self._again.clear()
            self._again[host] = now + _AGAIN_S
            self._tell({"host": host})
        super().__setitem__(host, value)

    def hear(self, said: Mapping[str, Any]) -> None:
        """A host that another worker found."""
        host = str(said["host"])
        self.pop(host, None)
        super().__setitem__(host, None)
        if len(self) > _HOSTS_MAX:
            del self[next(iter(self))]


class Gossip:
    """Puts memories that tell of themselves into the place of those that don't; before the first connection."""

    def __init__(self, state: State, tell: Callable[[Mapping[str, Any]], None]) -> None:
        def telling(topic: str) -> Tell:
            return lambda said: tell({"say": {"topic": topic, "said": said}})

        pins, coaching, found = (
            SharedPins(telling("pins")),
            SharedCoaching(telling("coaching")),
            SharedFound(telling("found")),
        )
        state.pins, state.coaching, state.found = pins, coaching, found
        guessed, tell_guess = state.throttle.failed, telling("throttle")

        def failed(address: str, name: str, now: float, *, kind: str = "") -> Tries:
            # The clock is the machine's, one for all its processes.
            tell_guess({"failed": [address, name[:NAME_MAX], now, kind]})  # more of it makes no difference there
            return guessed(address, name, now, kind=kind)

        def guess(said: Mapping[str, Any]) -> None:
            address, name, now, kind = said["failed"]
            guessed(address, name, float(now), kind=kind)

        # Into the very object: the desks of all policies hold it.
        state.throttle.failed = failed  # type: ignore[method-assign]
        self._topics: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "pins": pins.hear,
            "throttle": guess,
            "coaching": coaching.hear,
            "found": found.hear,
        }

    def heard(self, told: Mapping[str, Any]) -> None:
        """Another worker has said something. What this version does not understand is left out: the workers of an
        upgrade are of two versions for a while."""
        try:
            self._topics[told["topic"]](told["said"])
        except (KeyError, ValueError, TypeError):
            log.warning("what another worker said was not understood")
