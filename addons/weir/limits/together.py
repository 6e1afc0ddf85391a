"""A queue whose waiting requests are answered together: one after the other would wait for the same lock each, and for
the same round trips. First come, first taken; how many wait and for how long is bounded."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from weir.limits.bringing import Box, Expected, Then
from weir.limits.store import LedgerError, RequestError

__all__ = ["Together"]

IDLE_S = 10.0  # a thread that has had nothing to do for so long ends


@dataclass(frozen=True, slots=True)
class _Ticket[Q, A]:
    asked: Q
    answer: Future[A] | Expected[A]
    until: float


class Together[Q, A]:
    """Hands what waits to ``work``, up to ``most`` at once, in threads of its own, made when they are needed.

    ``work`` returns an answer for each, in order, or an exception in place of it. When it raises, and not because the
    store can't be used at all, it is asked again for each alone: what is wrong with one is no matter of the others.
    ``stuck`` is called when somebody has waited for longer than the timeout.
    """

    def __init__(
        self,
        work: Callable[[list[Q]], Sequence[A | Exception]],
        key: Callable[[Q], str],
        *,
        threads: int = 1,
        most: int = 100,
        waiting_max: int = 5_000,
        timeout_s: float = 5.0,
        stuck: Callable[[], None] = lambda: None,
    ) -> None:
        self._work, self._key = work, key
        self._threads_max, self._most, self._waiting_max, self._timeout_s = threads, most, waiting_max, timeout_s
        self._stuck = stuck
        self._waiting: deque[_Ticket[Q, A]] = deque()
        self._lock = threading.Lock()
        self._wake = queue.SimpleQueue[
            None
        ]()  # one for each idle thread that is to look again; cheaper than a Condition
        self._threads = self._idle = 0

    def ask(self, asked: Q, *, always: bool = False) -> Future[A]:
        """Take a place in the queue. The future can be cancelled until its turn has come.

        Raises LedgerError when too many wait already, unless it is ``always`` to be taken: what gives room back.
        """
        answer = Future[A]()
        now = time.monotonic()
        self._line_up([_Ticket(asked, answer, now + self._timeout_s)], now, always=always)
        return answer

    def post(self, box: Box[A], asked: Sequence[tuple[Q, Then[A]]], *, always: bool = False) -> list[Expected[A]]:
        """As `ask`, for many at once, on a loop: the answers are brought there, together."""
        if len(self._waiting) >= self._waiting_max and not always:
            raise self._full()
        expected = [box.expect(then) for _, then in asked]
        tickets = [_Ticket(one, place, place.until) for (one, _), place in zip(asked, expected, strict=True)]
        self._line_up(tickets, time.monotonic(), always=True)
        return expected

    def withdraw(self, expected: Expected[A]) -> bool:
        """Nobody waits for it any more. False when its turn has come already."""
        with self._lock:
            expected.gone = not expected.taken
            return expected.gone

    def _full(self) -> LedgerError:
        return LedgerError(f"{len(self._waiting)} requests wait for the ledger already")

    def _line_up(self, tickets: Sequence[_Ticket[Q, A]], now: float, *, always: bool) -> None:
        with self._lock:
            late = bool(self._waiting) and self._waiting[0].until < now
            if len(self._waiting) >= self._waiting_max and not always:
                raise self._full()
            self._waiting.extend(tickets)
            if self._idle:
                self._idle -= 1
                self._wake.put(None)
            elif self._threads < self._threads_max:
                self._threads += 1
                threading.Thread(target=self._serve, name="weir-ledger", daemon=True).start()
        if late:
            self._stuck()

    def wait(self, asked: Q, *, always: bool = False) -> A:
        """The answer, waited for in this thread. Raises LedgerError when its turn doesn't come in time."""
        answer = self.ask(asked, always=always)
        while True:
            try:
                return answer.result(self._timeout_s)
            except TimeoutError:
                if answer.cancel():
                    raise self._late() from None
                if answer.done():
                    raise
                self._stuck()  # its turn has come: what becomes of it must be known

    def _serve(self) -> None:
        while batch := self._next():
            self._tell(batch, self._answers([ticket.asked for ticket in batch]))

    @staticmethod
    def _tell(tickets: Sequence[_Ticket[Q, A]], answers: Sequence[A | Exception]) -> None:
        boxes: dict[Box[A], list[tuple[Expected[A], A | Exception]]] = {}
        for ticket, answer in zip(tickets, answers, strict=True):
            if isinstance(ticket.answer, Expected):
                boxes.setdefault(ticket.answer.box, []).append((ticket.answer, answer))
            elif isinstance(answer, Exception):
                ticket.answer.set_exception(answer)
            else:
                ticket.answer.set_result(answer)
        for box, brought in boxes.items():
            box.bring(brought)

    def _answers(self, asked: list[Q]) -> Sequence[A | Exception]:
        """All together; when it is one of them that can't be answered, each alone."""
        try:
            return self._work(asked)
        except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
            if len(asked) == 1:
                return [error]
            if isinstance(error, LedgerError) and not isinstance(error, RequestError):
                return [LedgerError(str(error)) for _ in asked]
        return [self._answers([one])[0] for one in asked]

    def _next(self) -> list[_Ticket[Q, A]]:
        """Those whose turn it is; none when this thread may end."""
        while True:
            late: list[_Ticket[Q, A]] = []
            with self._lock:
                batch = self._take(late)
                if not batch and not late:
                    self._idle += 1
            if late:
                self._tell(late, [self._late() for _ in late])
            if batch:
                return batch
            if not late and not self._woken():
                return []

    def _woken(self) -> bool:
        """Wait until there is something to do; False when there was nothing for so long that this thread may end."""
        try:
            self._wake.get(timeout=IDLE_S)
        except queue.Empty:
            with self._lock:
                if not self._wake.empty():  # just now
                    self._wake.get()
                    return True
                self._idle -= 1
                self._threads -= 1
            return False
        return True

    def _take(self, late: list[_Ticket[Q, A]]) -> list[_Ticket[Q, A]]:
        taken: dict[str, _Ticket[Q, A]] = {}
        now = time.monotonic()
        while self._waiting and len(taken) < self._most:
            ticket = self._waiting[0]
            if self._key(ticket.asked) in taken:
                break  # what is asked of one thing twice is answered in its order
            self._waiting.popleft()
            if not ticket.answer.set_running_or_notify_cancel():
                continue
            if ticket.until < now:
                late.append(ticket)
            else:
                taken[self._key(ticket.asked)] = ticket
        return list(taken.values())

    def _late(self) -> LedgerError:
        return LedgerError(f"the ledger was busy for {self._timeout_s:g} s")
