"""Budgets and rates as one thing to ask: opened when first needed, out of order for a moment when a store fails.

Every call but `concerns` and `quick` may block, for the stores' timeout: make them in threads.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import cast

from weir.limits.batch import Answer, Asked, Narrow, Release, Reservation, Reserve, Settle
from weir.limits.bringing import Box, Expected, Then
from weir.limits.budget import Claim, Refused, Standing, concerns
from weir.limits.fuse import Fuse
from weir.limits.known import Known
from weir.limits.ledger import Ledger
from weir.limits.plan import MEMORY, Plan
from weir.limits.rates import Limited, Rates
from weir.limits.rows import Actual
from weir.limits.steps import Admitted, Again, Count, Shrink, Steps
from weir.limits.store import LedgerError

__all__ = ["LEASE_S", "Admitted", "Again", "Gate"]

LEASE_S = 120.0
_DOWNGRADES_MAX = 4
_NARROW_S = 5.0  # for so long a claim to an account that had little left is not asked roughly
_NARROW_MAX = 4096  # accounts


class Gate:
    """One a process. Thread-safe."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._known = Known(plan.budgets, plan.of_keys)
        self._clock = clock
        self._narrow: dict[str, float] = {}  # accounts of which little was left, and until when that is believed
        self._ledger = Fuse(self._open_ledger, clock)
        self._rates = Fuse(self._open_rates, clock)

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
        return self._plan.redis == MEMORY and not self._known.concern(claim)

    def rough(self, claim: Claim) -> bool:
        """Whether bounds will do for ``claim``, for a first question: no rate counts its caller's tokens."""
        who = [rate for rate in self._plan.rates if rate.tokens is not None]
        return self.local and not any(concerns(replace(rate, models=(), services=()), claim) for rate in who)

    def draws(self, claim: Claim) -> frozenset[str]:
        """The ids of the accounts that ``claim`` draws on now; the ledger is open."""
        wanted = self._made.wanted(claim)
        return frozenset(one.id for one in wanted.drawn) if isinstance(wanted, Reserve) else frozenset()

    @property
    def local(self) -> bool:
        """Whether rates are counted in memory, so that `steps` waits for nothing but answers of the ledger."""
        return self._plan.redis == MEMORY

    def admit(
        self, claim: Claim, *, stream: bool, observe: bool, again: Again | None, take: bool = True
    ) -> Admitted | Refused | Limited:
        """Room for ``claim`` everywhere, or why there is none. ``stream``: it takes a place among the streams at once.
        ``take``: it is not yet counted as a request.

        ``again`` makes the claim for a cheaper model; None where the request's model can't be changed. With
        ``observe`` nobody is refused, and nothing held where there is no room. Raises LedgerError: nothing is held
        then.
        """
        steps = self.steps(claim, stream=stream, observe=observe, again=again, take=take)
        try:
            asked = next(steps)
            while True:
                if isinstance(asked, Count):  # nothing rough comes this way, unless the stores are others just now
                    raise LedgerError("the stores of limits have changed: ask again")
                if isinstance(asked, Shrink):
                    asked = steps.send(False)
                    continue
                try:
                    answer = self._ledger.call(lambda ledger, asked=asked: ledger.answer(asked))  # type: ignore[misc]
                except LedgerError as error:
                    asked = steps.throw(error)
                else:
                    asked = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def steps(
        self, claim: Claim, *, stream: bool, observe: bool, again: Again | None, take: bool = True
    ) -> Steps[Admitted | Refused | Limited]:
        """As `admit`, one question to the ledger after the other: send the answers, or throw LedgerError. Closed, it
        gives back its places among the streams."""
        limited = self._fast(claim, stream=stream, take=take)
        if limited is not None and not observe:
            return limited
        try:
            answer = yield from self._room(claim, again if not observe else None)
        except (LedgerError, GeneratorExit):
            if stream and limited is None:
                self.leave(claim)
            raise
        if isinstance(answer, Admitted) and answer.claim.past != claim.past:
            return (yield from self._other(claim, answer, stream=stream, take=take))
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

    def _other(self, claim: Claim, answer: Admitted, *, stream: bool, take: bool) -> Steps[Admitted | Limited]:
        """A downgrade has room in the budgets; the other model may have rates of its own."""
        try:
            limited = self._fast(answer.claim, stream=stream, take=take, counted=claim)
        except LedgerError:
            yield from self._undo(claim, answer, stream=stream)
            raise
        if limited is not None:
            yield from self._undo(claim, answer, stream=stream)
            return limited
        return Admitted(answer.claim, answer.held, answer.warnings, answer.refused, asked=claim)

    def _undo(self, claim: Claim, answer: Admitted, *, stream: bool) -> Steps[None]:
        if stream:
            self.leave(claim)
        if answer.held:
            with contextlib.suppress(LedgerError):  # it ends by its expiry then
                yield Release(answer.claim.id)

    def _room(self, claim: Claim, again: Again | None) -> Steps[Admitted | Refused]:
        if not self._known.concern(claim):
            return Admitted(claim)
        claim, answer = yield from self._ask(claim)
        first = answer
        past: tuple[str, ...] = ()
        for _ in range(_DOWNGRADES_MAX):
            if not isinstance(answer, Refused) or not answer.instead or again is None:
                break
            past = (*past, answer.budget.id)
            claim = again(answer.instead, past)
            claim, answer = yield from self._ask(claim)
        if isinstance(answer, Refused):
            # Of a model that nobody asked for and that has no price at this provider, nobody wants to hear.
            return first if answer.reason == "unpriced" and isinstance(first, Refused) else answer
        overcome = first if isinstance(first, Refused) else None
        return Admitted(claim, bool(answer.standings), answer.warnings, overcome)

    def _ask(self, claim: Claim) -> Steps[tuple[Claim, Reservation | Refused]]:
        """Nobody is refused because of a bound: neither of what is asked nor of what is held."""
        answer = yield claim
        if isinstance(answer, Narrow):
            if len(self._narrow) >= _NARROW_MAX:
                self._narrow.clear()
            if not self._known_narrow(answer.accounts):
                self._narrow |= dict.fromkeys(answer.accounts, self._clock() + _NARROW_S)
            claim = cast(Claim, (yield Count(claim)))
            answer = yield claim
        if isinstance(answer, Refused) and answer.full and self.local and (yield Shrink(answer.full)):
            answer = yield claim
        return claim, cast(Reservation | Refused, answer)

    def _known_narrow(self, accounts: Iterable[str]) -> tuple[str, ...]:
        if not self._narrow:
            return ()
        now = self._clock()
        return tuple(name for name in accounts if self._narrow.get(name, 0.0) > now)

    @property
    def opened(self) -> bool:
        """Whether the ledger is open: only then questions can be posted."""
        return self._ledger.made is not None

    def open(self) -> None:
        """Open the ledger. Raises LedgerError."""
        self._ledger.call(lambda _: None)

    def box(self) -> Box[Answer]:
        """Where answers of the ledger are brought to, for the loop that it is made on; the ledger is open."""
        return self._made.box()

    def wanted(self, asked: Claim | Release) -> Asked | Reservation | Narrow:
        """A question of `steps` as one that can be posted, or its answer; the ledger is open."""
        if isinstance(asked, Release):
            return asked
        wanted = self._made.wanted(asked)
        if asked.rough and isinstance(wanted, Reserve):
            narrow = self._known_narrow(one.id for one in wanted.drawn)
            return Narrow(narrow) if narrow else wanted
        return wanted

    @property
    def _made(self) -> Ledger:
        assert self._ledger.made is not None
        return self._ledger.made

    def ending(self, claim: Claim, actual: Actual | None, *, held: bool) -> Asked | None:
        """What `settle` would ask; None when there is nothing to write down. The ledger is open."""
        if held:
            return Settle(claim.id, actual)
        charge = self._made.charged(claim, actual or Actual(claim.tokens, claim.nano_usd))
        return charge if charge.drawn else None

    def post(
        self, box: Box[Answer], asked: Sequence[tuple[Asked, Then[Answer]]], *, always: bool
    ) -> list[Expected[Answer]]:
        """Ask these and return at once; what is answered is to be `heard`. Raises LedgerError."""
        self._ledger.check()
        return self._made.post(box, asked, always=always)

    def heard(self, answer: Answer | Exception) -> None:
        """So a question that was posted was answered."""
        if isinstance(answer, LedgerError) or not isinstance(answer, Exception):
            self._ledger.count(failed=isinstance(answer, LedgerError))

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
        if self._rates.made is None:
            return  # none was ever taken
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

    def rates_answer(self) -> bool:
        """Whether the store of rates is there, if there is one to ask; counts nothing. Raises LedgerError."""
        if self._plan.redis == MEMORY or not self._plan.rates:
            return True
        return self._rates.call(lambda rates: rates.answers())

    def close(self) -> None:
        """Let go of the stores."""
        if self._ledger.made is not None:
            self._ledger.made.close()
