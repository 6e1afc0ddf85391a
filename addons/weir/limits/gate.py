"""Budgets and rates as one thing to ask: opened when first needed, out of order for a moment when a store fails.

Every call but `concerns` and `quick` may block, for the stores' timeout: make them in threads.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from weir.limits.budget import Claim, Refused, Standing, concerns
from weir.limits.known import Known
from weir.limits.ledger import Ledger
from weir.limits.plan import Plan
from weir.limits.rates import Limited, Rates
from weir.limits.rows import Actual
from weir.limits.store import LedgerError

__all__ = ["LEASE_S", "Admitted", "Again", "Gate"]

LEASE_S = 120.0
_FAILURES = 3  # in a row, before nobody waits for that store any more
_REST_S = 1.0  # for so long; then one request tries again
_DOWNGRADES_MAX = 4

Again = Callable[[str, tuple[str, ...]], Claim]  # the claim for another model, that these budgets let pass


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request may go. ``held`` is False when nothing is held in the ledger for it. ``refused``: what stood in its
    way, overcome by a downgrade (the claim is for the other model then, and ``asked`` the one before) or only
    observed."""

    claim: Claim
    held: bool = False
    warnings: tuple[Standing, ...] = ()
    refused: Refused | Limited | None = None
    asked: Claim | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims by which it has places among the streams."""
        return (self.claim,) if self.asked is None else (self.claim, self.asked)


class _Fuse[T]:
    """Something that is opened when first used, and left alone for a moment when it failed too often."""

    def __init__(self, opens: Callable[[], T], clock: Callable[[], float]) -> None:
        self._opens, self._clock = opens, clock
        self._lock = threading.Lock()
        self._made: T | None = None
        self._failures = 0
        self._until = 0.0

    @property
    def made(self) -> T | None:
        return self._made

    def call[R](self, work: Callable[[T], R]) -> R:
        """What ``work`` returns. Raises LedgerError, at once while the store is left alone."""
        if self._clock() < self._until:
            raise LedgerError("the store could not be used a moment ago")
        try:
            done = work(self._have())
        except LedgerError:
            self._failures += 1
            if self._failures >= _FAILURES:
                self._until = self._clock() + _REST_S
            raise
        self._failures = 0
        return done

    def _have(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = self._opens()
            return self._made


class Gate:
    """One a process. Thread-safe."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._known = Known(plan.budgets, plan.of_keys)
        self._ledger = _Fuse(self._open_ledger, clock)
        self._rates = _Fuse(self._open_rates, clock)

    def _open_ledger(self) -> Ledger:
        plan = self._plan
        ledger = Ledger.open(plan.ledger, plan.budgets, timeout_s=plan.timeout_s, hold_s=plan.hold_s)
        ledger.use(self._known)  # another policy may have come while it was opened
        return ledger

    def _open_rates(self) -> Rates:
        return Rates(self._plan.rates, self._plan.redis, timeout_s=self._plan.timeout_s, lease_s=LEASE_S)

    def use(self, plan: Plan) -> None:
        """Go by another plan's budgets and rates; the stores stay those that are open."""
        self._plan = plan
        self._known = Known(plan.budgets, plan.of_keys)
        if self._ledger.made is not None:
            self._ledger.made.use(self._known)
        if self._rates.made is not None:
            self._rates.made.use(plan.rates)

    def concerns(self, claim: Claim) -> bool:
        """Whether any budget or rate is about ``claim``, whatever its amounts."""
        return self._known.concern(claim) or any(concerns(one, claim) for one in self._plan.rates)

    def quick(self, claim: Claim) -> bool:
        """Whether ``admit`` would not wait for anything: rates in memory, and no budget."""
        return self._plan.redis == "memory://" and not self._known.concern(claim)

    def admit(
        self, claim: Claim, *, stream: bool, observe: bool, again: Again | None, take: bool = True
    ) -> Admitted | Refused | Limited:
        """Room for ``claim`` everywhere, or why there is none. ``stream``: it takes a place among the streams at once.
        ``take``: it is not yet counted as a request.

        ``again`` makes the claim for a cheaper model; None where the request's model can't be changed. With
        ``observe`` nobody is refused, and nothing held where there is no room. Raises LedgerError: nothing is held
        then.
        """
        limited = self._fast(claim, stream=stream, take=take)
        if limited is not None and not observe:
            return limited
        try:
            answer = self._room(claim, again if not observe else None)
        except LedgerError:
            if stream and limited is None:
                self.leave(claim)
            raise
        if isinstance(answer, Admitted) and answer.claim is not claim:
            return self._other(claim, answer, stream=stream, take=take)
        if isinstance(answer, Admitted):
            return Admitted(answer.claim, answer.held, answer.warnings, limited or answer.refused)
        if observe:
            return Admitted(claim, refused=limited or answer)
        if stream:
            self.leave(claim)
        return answer

    def _fast(self, claim: Claim, *, stream: bool, take: bool, counted: Claim | None = None) -> Limited | None:
        if not any(concerns(rate, claim) for rate in self._plan.rates):
            return None
        limited = self._rates.call(lambda rates: rates.take(claim, counted=counted)) if take else None
        return limited or (self._rates.call(lambda rates: rates.enter(claim)) if stream else None)

    def _other(self, claim: Claim, answer: Admitted, *, stream: bool, take: bool) -> Admitted | Limited:
        """A downgrade has room in the budgets; the other model may have rates of its own."""
        try:
            limited = self._fast(answer.claim, stream=stream, take=take, counted=claim)
        except LedgerError:
            self._undo(claim, answer, stream=stream)
            raise
        if limited is not None:
            self._undo(claim, answer, stream=stream)
            return limited
        return Admitted(answer.claim, answer.held, answer.warnings, answer.refused, asked=claim)

    def _undo(self, claim: Claim, answer: Admitted, *, stream: bool) -> None:
        if stream:
            self.leave(claim)
        if answer.held:
            with contextlib.suppress(LedgerError):  # it ends by its expiry then
                self.release(answer.claim)

    def _room(self, claim: Claim, again: Again | None) -> Admitted | Refused:
        if not self._known.concern(claim):
            return Admitted(claim)
        answer = first = self._ledger.call(lambda ledger: ledger.reserve(claim))
        past: tuple[str, ...] = ()
        for _ in range(_DOWNGRADES_MAX):
            if not isinstance(answer, Refused) or not answer.instead or again is None:
                break
            past = (*past, answer.budget.id)
            claim = cheaper = again(answer.instead, past)
            answer = self._ledger.call(lambda ledger, cheaper=cheaper: ledger.reserve(cheaper))  # type: ignore[misc]
        if isinstance(answer, Refused):
            # Of a model that nobody asked for and that has no price at this provider, nobody wants to hear.
            return first if answer.reason == "unpriced" and isinstance(first, Refused) else answer
        overcome = first if isinstance(first, Refused) else None
        return Admitted(claim, bool(answer.standings), answer.warnings, overcome)

    def settle(self, claim: Claim, actual: Actual | None, *, held: bool) -> tuple[Standing, ...]:
        """Write down what was used, None for all that was claimed; the accounts that reached ``warn_at`` by it.
        May be repeated. Raises LedgerError."""
        if held:
            return self._ledger.call(lambda ledger: ledger.settle(claim.id, actual)).crossed
        if not self._known.concern(claim):
            return ()
        used = actual or Actual(claim.tokens, claim.nano_usd)
        return self._ledger.call(lambda ledger: ledger.charge(claim, used)).crossed

    def release(self, claim: Claim) -> None:
        """Give back what is held in the ledger. Raises LedgerError."""
        self._ledger.call(lambda ledger: ledger.release(claim.id))

    def leave(self, *claims: Claim) -> None:
        """Give up the places among the streams; where that fails they end by themselves after ``LEASE_S``."""
        try:
            for claim in claims:
                self._rates.call(lambda rates, claim=claim: rates.leave(claim))  # type: ignore[misc]
        except LedgerError:
            return

    def renew(self, *claims: Claim, held: bool, stream: bool) -> None:
        """Hold it for longer: room by the first claim, places among the streams by all. Raises LedgerError."""
        for claim in claims if stream else ():
            self._rates.call(lambda rates, claim=claim: rates.enter(claim))  # type: ignore[misc]
        if held:
            self._ledger.call(lambda ledger: ledger.renew(claims[0].id))

    def standings(self) -> tuple[Standing, ...]:
        """Every account that was drawn on in its current window. Raises LedgerError."""
        return self._ledger.call(lambda ledger: ledger.standings())

    def close(self) -> None:
        """Let go of the stores."""
        if self._ledger.made is not None:
            self._ledger.made.close()
