"""Limits on the event loop: requests ask, what they hold is kept alive, ended, and charged in the end.

Every hold ends once: settled, released, or, when the process dies, by its expiry in the store. What can't be written
down because the store is away is owed, and written down when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine

from weir.limits.asking import Asking
from weir.limits.batch import Answer, Asked, Release, Settled
from weir.limits.budget import Claim, Refused, Standing
from weir.limits.gate import LEASE_S, Admitted, Again, Gate
from weir.limits.holding import UNUSED, End, Exactly, Hold, Unused
from weir.limits.owed import Owed
from weir.limits.plan import Plan
from weir.limits.rates import Limited
from weir.limits.rows import Actual
from weir.limits.store import LedgerError

__all__ = ["UNUSED", "Admission", "End", "Hold", "Unused"]

log = logging.getLogger("weir.limits")
TICK_S = 2.0
SETTLING_S = 0.5  # how long a refusal waits for what is just being settled
CLOSE_S = 5.0
LATER_S = 3600.0  # how long room is held for what runs in the background
LATER_MAX = 10_000


class Admission:
    """One a process, made on no loop, used on one."""

    def __init__(self, plan: Plan, told: Callable[[Standing], None]) -> None:
        """``told`` is called on the loop for each account that reaches ``warn_at``, once a window."""
        self.plan = plan
        self.gate = Gate(plan)
        self._told = told
        self._open: dict[str, Hold] = {}
        self._asking = Asking(self.gate, self._open.values())
        self._later: dict[str, Hold] = {}  # of what runs in the background, by its id
        self._owed = Owed(plan.owed)
        self._closed = False
        self._settling: set[asyncio.Future[None]] = set()
        self._keeper: asyncio.Task[None] | None = None

    def use(self, plan: Plan) -> None:
        """Go by another policy's limits. The stores stay."""
        self.plan = plan
        self.gate.use(plan)

    @property
    def owed(self) -> int:
        """How many uses are still to be written down."""
        return len(self._owed)

    async def ask(
        self,
        claim: Claim,
        *,
        stream: bool = False,
        observe: bool = False,
        again: Again | None = None,
        exactly: Exactly | None = None,
    ) -> Admitted | Refused | Limited:
        """As `Asking.admit`. A claim may be rough only where `Gate.rough` says so."""
        settling = set(self._settling) if self._settling else None
        answer = await self._asking.admit(claim, stream, observe, None if settling else again, exactly)
        if settling and isinstance(answer, Refused):
            # Replies that have just ended are about to give back what they did not use.
            self._asking.ends.flush()
            await asyncio.wait(settling, timeout=SETTLING_S)
            answer = await self._asking.admit(claim, stream, observe, again, exactly, take=False)
        return answer

    def hold(
        self,
        admitted: Admitted,
        *,
        stream: bool,
        over: Callable[[], bool],
        how: Callable[[], End],
        exactly: Exactly | None = None,
    ) -> Hold:
        """Keep what a request holds until `end`. ``over`` and ``how`` say for a request whose end was missed whether
        it is over and what it used; ``exactly`` what it has claimed, where that is rough."""
        now, claims = time.monotonic(), admitted.claims
        made = Hold(admitted.claim, admitted.held, stream, admitted.warnings, over, how, now, claims)
        made.exactly = exactly if made.claim.rough else None
        self._open[made.claim.id] = made
        self.start()
        return made

    def start(self) -> None:
        """Look after what is held and owed from now on."""
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    def end(self, hold: Hold, end: End) -> None:
        """Settle or release, once; does not wait."""
        if hold.ended:
            return
        hold.ended = True
        self._open.pop(hold.claim.id, None)
        hold.over, hold.how = _ended, _nothing  # theirs lead back to the exchange, and it to this: a whole policy stays
        exactly, vague = hold.exactly, hold.vague(end)
        hold.exactly = None
        if exactly is not None and vague and not self.gate.quick(hold.claim):
            self._spawn(self._count(hold, end, exactly))
        elif self.gate.opened and self.gate.local:
            self._post(hold, end)
        else:
            self._spawn(self._end(hold, end))

    async def _count(self, hold: Hold, end: End, exactly: Exactly) -> None:
        """What is spent because nobody knows better is no bound, but the claim itself."""
        try:
            hold.claim = await exactly.of(hold.claim)
            end = hold.told(end)
        except Exception as error:  # noqa: BLE001  then the bound is spent, which is never too little
            log.error("what a request claimed could not be counted: %s", type(error).__name__)
        if not self.gate.opened or not self.gate.local:
            await self._end(hold, end)
        elif (done := self._post(hold, end)) is not None:
            self._asking.ends.flush()
            await done

    def _post(self, hold: Hold, end: End) -> asyncio.Future[None] | None:
        """Write it down with what others ask; no thread comes between. None when there is nothing to write down."""
        claim, done = hold.claim, asyncio.get_running_loop().create_future()
        if hold.stream:
            self.gate.leave(*hold.claims)
        asked: Asked | None
        owed: Actual | None
        if isinstance(end, Unused):
            asked, owed = Release(claim.id) if hold.held else None, Actual(0, 0)  # what is given back is owed too
        else:
            asked, owed = self.gate.ending(claim, end, held=hold.held), end
        if asked is None:
            return None

        def then(answer: Answer | Exception) -> None:
            self._settling.discard(done)
            done.set_result(None)
            if isinstance(answer, LedgerError):
                self._owed.add(claim, owed, held=hold.held)
            elif isinstance(answer, Exception):
                log.error("use could not be written down: %s", type(answer).__name__)
            elif isinstance(answer, Settled):
                for standing in answer.crossed:
                    self._told(standing)

        self._settling.add(done)
        self._asking.ends.add(asked, then)
        return done

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    def keep(self, hold: Hold, key: str) -> None:
        """The request is over and its model still at work: hold on until `told` of ``key``, for an hour at most. What
        is fetched later, or through another process, is charged then."""
        if hold.stream:
            hold.stream = False
            self._spawn(self._leave(hold))
        hold.over, hold.how, hold.until = (lambda: False), (lambda: UNUSED), time.monotonic() + LATER_S
        self._later[key] = hold
        if len(self._later) > LATER_MAX:
            self.end(self._later.pop(next(iter(self._later))), UNUSED)

    def told(self, key: str, end: End) -> bool:
        """What ran in the background has ended so. False when nothing is known of it; then it is to be charged."""
        hold = self._later.pop(key, None)
        if hold is None or hold.ended:
            return False
        self.end(hold, end)
        return True

    def charge(self, claim: Claim, actual: Actual) -> None:
        """Write down use that nothing was held for, such as a batch's; does not wait."""
        self.end(Hold(claim, False, False, (), lambda: True, lambda: actual, time.monotonic()), actual)

    async def _end(self, hold: Hold, end: End) -> None:
        if hold.stream:
            await self._leave(hold)
        if isinstance(end, Unused):
            if hold.held and not await self._run(lambda: self.gate.release(hold.claim)):
                self._owed.add(hold.claim, Actual(0, 0), held=True)  # what is given back is owed too
        else:
            await self._settle(hold.claim, end, held=hold.held)

    async def _leave(self, hold: Hold) -> None:
        await self._run(lambda: self.gate.leave(*hold.claims))

    async def _settle(self, claim: Claim, actual: Actual | None, *, held: bool) -> None:
        if await self._write(claim, actual, held=held):
            return
        self._owed.add(claim, actual, held=held)

    async def _write(self, claim: Claim, actual: Actual | None, *, held: bool) -> bool:
        crossed: list[Standing] = []
        done = await self._run(lambda: crossed.extend(self.gate.settle(claim, actual, held=held)))
        for standing in crossed:
            self._told(standing)
        return done

    async def _run(self, work: Callable[[], object]) -> bool:
        """Do it in a thread; False when the store is away."""
        try:
            await asyncio.wrap_future(self._asking.submit(work))
        except LedgerError:
            return False
        except Exception as error:  # noqa: BLE001  a fault of ours must not keep all else from being written down
            log.error("use could not be written down: %s", type(error).__name__)
        return True

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001  the next look may do better, and must take place
                log.error("what is held could not be looked after: %s", type(error).__name__)

    async def _look(self) -> None:
        """Prolong what lasts, end what was missed, charge what is owed."""
        now = time.monotonic()
        for hold in list(self._open.values()):
            if hold.until is not None and now > hold.until:
                self.end(hold, UNUSED)
            elif hold.over():
                if hold.missed:
                    self.end(hold, _how(hold))
                hold.missed = True
            elif now - hold.kept_at > min(self.plan.hold_s, LEASE_S if hold.stream else self.plan.hold_s) / 3:
                hold.kept_at = now
                await self._renew(hold)
        await self._pay()

    async def _renew(self, hold: Hold) -> None:
        await self._run(lambda: self.gate.renew(*hold.claims, held=hold.held, stream=hold.stream))

    async def _pay(self) -> None:
        while self._owed:
            debt = self._owed.first
            if not await self._write(debt.claim, debt.actual, held=debt.held):
                return
            self._owed.paid()

    async def close(self) -> None:
        """End all that is open, pay what is owed, let go of the stores. May be called again."""
        if self._closed:
            return
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})  # it may be paying: nobody else may then
        for hold in list(self._open.values()):
            self.end(hold, _how(hold))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                self._asking.ends.flush()
                if self._settling:
                    await asyncio.wait(set(self._settling))
                await self._asking.ends.rest()  # such as room for somebody who has gone: it is given back
                await self._pay()
        if self._owed:
            log.error("%d uses are still to be charged: the store of budgets did not come back", len(self._owed))
        self._asking.close()
        await asyncio.to_thread(self.gate.close)


def _ended() -> bool:
    return True


def _nothing() -> End:
    return UNUSED


def _how(hold: Hold) -> End:
    """How it ended; one that can't say so keeps no other from being looked after."""
    try:
        return hold.how()
    except Exception as error:  # noqa: BLE001  then nobody knows
        log.error("what a request used could not be told: %s", type(error).__name__)
        return None
