"""Who is held back until a person states a reason, and who has stated one.

A *ticket* is one request held back: whoever has its token, from the same address, may state a reason for it. A *grant*
is what follows: for some minutes the same caller passes the same rule towards the same service. Both live in memory
only and are bounded; no I/O.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

__all__ = ["REASON_MAX", "REASON_MIN", "Coaching", "Grant", "Held", "Ticket", "plain_reason"]

REASON_MIN, REASON_MAX = 10, 500  # characters
TICKET_S = 600.0
_TICKETS_MAX, _OF_ONE_MAX = 10_000, 32
_GRANTS_MAX, _OF_ONE_RULE_MAX = 10_000, 8


@dataclass(frozen=True, slots=True)
class Held:
    """One request that a rule holds back."""

    caller: str  # names the caller as exactly as it is known
    address: str  # of the client
    service: str
    rules: Mapping[str, frozenset[str]]  # rule id → detectors; an empty set: the rule is about the whole request
    rule_id: str = ""  # the rule that speaks
    say: str = field(default="", repr=False)
    user: str = ""  # a person, if the caller is known to be one
    back: str = field(default="", repr=False)  # where a browser was going; "" when it was none
    instead: tuple[tuple[str, str], ...] = ()  # (name, address) of services that need no reason


@dataclass(frozen=True, slots=True)
class Ticket:
    """A held request, and until when (monotonic seconds) a reason is taken. ``id`` is public, the token is not."""

    id: str
    held: Held
    expires: float

    @property
    def detectors(self) -> tuple[str, ...]:
        """What was found, by the names of detectors, sorted."""
        return tuple(sorted(frozenset[str]().union(*self.held.rules.values())))


@dataclass(frozen=True, slots=True)
class Grant:
    """A stated reason and what it excuses: findings of these detectors, until ``expires`` (monotonic seconds)."""

    id: str  # of the ticket it came from
    reason: str = field(repr=False)
    detectors: frozenset[str]
    expires: float


def plain_reason(text: str) -> str:
    """``text`` on one line, without control characters and space around it; "" when it is too short or too long."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * REASON_MAX]).split())
    return plain if REASON_MIN <= len(plain) <= REASON_MAX else ""


class Coaching:
    """All tickets and grants of one weir. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tickets: OrderedDict[bytes, Ticket] = OrderedDict()  # by the token's digest
        self._mine: dict[tuple[str, str], OrderedDict[bytes, str]] = {}  # digests and tokens by caller and address
        self._grants: OrderedDict[tuple[str, str, str], tuple[Grant, ...]] = OrderedDict()

    def hold(self, held: Held) -> tuple[str, Ticket]:
        """The token and the ticket for a request held back; those of before when the same request comes again."""
        with self._lock:
            now = self._clock()
            while self._tickets and (
                (oldest := next(iter(self._tickets.items())))[1].expires <= now or len(self._tickets) >= _TICKETS_MAX
            ):
                self._drop(oldest[0])
            mine = self._mine.get((held.caller, held.address), OrderedDict())
            for digest, token in mine.items():
                if self._tickets[digest].held == held:
                    self._tickets[digest] = replace(self._tickets[digest], expires=now + TICKET_S)
                    self._tickets.move_to_end(digest)
                    return token, self._tickets[digest]
            token = secrets.token_urlsafe(32)
            ticket = Ticket(secrets.token_hex(8), held, now + TICKET_S)
            self._take(token, ticket)
            return token, ticket

    def adopt(self, token: str, ticket: Ticket) -> None:
        """Take over a ticket of another process on this machine; the later end counts where it is known."""
        digest = _digest(token)
        with self._lock:
            if digest in self._tickets:
                self._tickets[digest] = ticket
                self._tickets.move_to_end(digest)
                return
            while len(self._tickets) >= _TICKETS_MAX:
                self._drop(next(iter(self._tickets)))
            self._take(token, ticket)

    def look(self, token: str, address: str, user: str) -> Ticket | None:
        """The ticket of a token; None when it is unknown, used, expired, or somebody else's."""
        with self._lock:
            return self._look(_digest(token), address, user)

    def grant(self, token: str, address: str, user: str, reason: str, minutes: int) -> Ticket | None:
        """Take a stated ``reason``: the token is used up, the caller may go on for ``minutes``. None as for `look`."""
        digest = _digest(token)
        with self._lock:
            ticket = self._look(digest, address, user)
            if ticket is None:
                return None
            self._drop(digest)
            expires = self._clock() + minutes * 60
            for rule, detectors in ticket.held.rules.items():
                name = (ticket.held.caller, ticket.held.service, rule)
                before = self._grants.pop(name, ())
                self._grants[name] = (Grant(ticket.id, reason, detectors, expires), *before)[:_OF_ONE_RULE_MAX]
            while len(self._grants) > _GRANTS_MAX:
                self._grants.popitem(last=False)
            return ticket

    def excused(self, caller: str, service: str, rule: str, detectors: frozenset[str]) -> Grant | None:
        """The grant by which ``rule``, holding for these detectors, lets the caller pass; None when there is none."""
        with self._lock:
            now = self._clock()
            grants = self._grants.get((caller, service, rule), ())
            return next((g for g in grants if g.expires > now and detectors <= g.detectors), None)

    def keep_only(self, rules: Collection[str]) -> None:
        """The policy has changed and only these rules still coach: whatever belongs to another is revoked."""
        with self._lock:
            for name in [name for name in self._grants if name[2] not in rules]:
                del self._grants[name]
            for digest in [d for d, t in self._tickets.items() if not all(rule in rules for rule in t.held.rules)]:
                self._drop(digest)

    def _take(self, token: str, ticket: Ticket) -> None:
        digest, name = _digest(token), (ticket.held.caller, ticket.held.address)
        mine = self._mine.get(name, OrderedDict())
        if len(mine) >= _OF_ONE_MAX:  # one busy client must not push out the others
            self._drop(next(iter(mine)))
        self._tickets[digest] = ticket
        self._mine.setdefault(name, OrderedDict())[digest] = token

    def _look(self, digest: bytes, address: str, user: str) -> Ticket | None:
        ticket = self._tickets.get(digest)
        if ticket is None or ticket.expires <= self._clock() or ticket.held.address != address:
            return None
        # A program's request is held, a person answers for it from the same machine; two known persons are not one.
        return None if ticket.held.user and user and ticket.held.user != user else ticket

    def _drop(self, digest: bytes) -> None:
        held = self._tickets.pop(digest).held
        mine = self._mine[held.caller, held.address]
        del mine[digest]
        if not mine:
            del self._mine[held.caller, held.address]

    def __repr__(self) -> str:
        return f"Coaching({len(self._tickets)} tickets, {len(self._grants)} grants)"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
