"""How an event loop asks the stores of limits: the ledger without a thread between, rates in Redis and a ledger that is
still to be opened in threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from weir.limits.batch import Answer, Narrow, Release, Reservation
from weir.limits.budget import Claim, Refused
from weir.limits.ending import Ends
from weir.limits.gate import Gate
from weir.limits.holding import Exactly, Hold
from weir.limits.rates import Limited
from weir.limits.steps import Admitted, Again, Count, Shrink, Steps
from weir.limits.store import LedgerError
from weir.limits.trimming import Trimming

__all__ = ["Asking"]

THREADS = 16  # that may wait for the stores; the ledger takes what waits together
WAITING_MAX = 1024


class Asking:
    """One a process, made on no loop, used on one."""

    def __init__(self, gate: Gate, held: Iterable[Hold] = ()) -> None:
        """``held``: what is held on the loop that it is used on."""
        self._gate = gate
        self.ends = Ends(gate)
        self._trimming = Trimming(gate, self.ends, held)
        self._pool = ThreadPoolExecutor(THREADS, "weir-limits")
        self._waiting = 0
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Wait for nothing any more."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def admit(
        self,
        claim: Claim,
        stream: bool,
        observe: bool,
        again: Again | None,
        exactly: Exactly | None = None,
        *,
        take: bool = True,
    ) -> Admitted | Refused | Limited:
        """As `Gate.admit`, off the loop; a rough claim, and what ``again`` makes of it, may be asked ``exactly``.
        Raises LedgerError, and what counting raises; cancelled, it holds nothing."""
        if self._gate.quick(claim):
            return self._gate.admit(claim, stream=stream, observe=observe, again=again, take=take)
        if self._gate.local:
            steps = self._gate.steps(claim, stream=stream, observe=observe, again=again, take=take)
            return await self._step(steps, exactly)
        future = self.submit(lambda: self._gate.admit(claim, stream=stream, observe=observe, again=again, take=take))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # The thread goes on, and may still get room that nobody waits for.
            future.add_done_callback(lambda done: self._give_back(done, stream=stream))
            raise

    async def _step[T](self, steps: Steps[T], exactly: Exactly | None) -> T:
        """Only the ledger is waited for; no thread comes between."""
        try:
            asked = next(steps)
            while True:
                try:
                    answer = await self._answer(asked, exactly)
                except LedgerError as error:
                    asked = steps.throw(error)
                else:
                    asked = steps.send(answer)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        finally:
            steps.close()

    async def _answer(self, asked: Claim | Release | Count | Shrink, exactly: Exactly | None) -> Answer | Claim:
        if isinstance(asked, Count):
            assert exactly is not None
            return await exactly.of(asked.claim)
        if isinstance(asked, Shrink):
            return await self._trimming.shrink(asked.accounts)
        if self._waiting >= WAITING_MAX:
            raise LedgerError("too many requests wait for the stores of limits")
        if not self._gate.opened:
            await asyncio.wrap_future(self.submit(self._gate.open))
        wanted = self._gate.wanted(asked)
        if isinstance(wanted, Reservation | Narrow):
            return wanted
        with self._lock:
            self._waiting += 1
        try:
            return await self.ends.ask(wanted, lambda answer: self._unwanted(asked.id, answer))
        finally:
            self._one_less(None)

    def _unwanted(self, name: str, answer: Answer) -> None:
        """Room that somebody got who did not wait for it; where it can't be given back, it ends by its expiry."""
        if isinstance(answer, Reservation) and answer.standings and not self._closed:
            self.ends.add(Release(name), lambda _: None)

    def _give_back(self, done: Future[Admitted | Refused | Limited], *, stream: bool) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        answer = done.result()
        if not isinstance(answer, Admitted):
            return
        if stream:
            self._gate.leave(*answer.claims)
        if answer.held:
            with contextlib.suppress(LedgerError):  # it ends by its expiry then
                self._gate.release(answer.claim)

    def submit[T](self, work: Callable[[], T]) -> Future[T]:
        """Do it in a thread. Raises LedgerError when too many wait."""
        with self._lock:
            if self._waiting >= WAITING_MAX:
                raise LedgerError("too many requests wait for the stores of limits")
            self._waiting += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._one_less)
        return future

    def _one_less(self, _: object) -> None:
        with self._lock:
            self._waiting -= 1
