"""Answers of the ledger's threads, brought to the event loop that waits for them: all of a transaction at once, because
each call from a thread wakes the loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from weir.limits.store import LedgerError

__all__ = ["Box", "Expected", "Then"]

type Then[A] = Callable[[A | Exception], None]


class Expected[A]:
    """One answer. Its queue says whose turn has come, under a lock: from then on it can't be withdrawn."""

    __slots__ = ("box", "gone", "taken", "then", "until")

    def __init__(self, box: Box[A], then: Then[A], until: float) -> None:
        self.box, self.then, self.until = box, then, until
        self.taken = self.gone = False

    def set_running_or_notify_cancel(self) -> bool:
        """Its turn has come, as for a Future. False when nobody waits for it any more."""
        self.taken = not self.gone
        return self.taken


class Box[A]:
    """One for a loop, made and used on it, but for `bring`. ``withdraw`` takes an answer's place in the queue away, if
    its turn has not come; ``stuck`` is called when one whose turn has come takes longer than the timeout."""

    def __init__(self, withdraw: Callable[[Expected[A]], bool], stuck: Callable[[], None], timeout_s: float) -> None:
        self.withdraw = withdraw
        self._stuck, self._timeout_s = stuck, timeout_s
        self._loop = asyncio.get_running_loop()
        self._expected: dict[Expected[A], None] = {}  # in the order of their time
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, then: Then[A]) -> Expected[A]:
        """``then`` is called on the loop once: with the answer, or with a LedgerError when its turn doesn't come."""
        made = Expected(self, then, time.monotonic() + self._timeout_s)
        self._expected[made] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._look)
        return made

    def forget(self, expected: Expected[A]) -> bool:
        """Nobody waits for it. False when its turn, or its time, has come: ``then`` is still called, or was."""
        if expected not in self._expected or not self.withdraw(expected):
            return False
        del self._expected[expected]
        return True

    def bring(self, answers: Sequence[tuple[Expected[A], A | Exception]]) -> None:
        """From any thread. Nothing is brought to a loop that is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._hand_out, answers)

    def _hand_out(self, answers: Sequence[tuple[Expected[A], A | Exception]]) -> None:
        for expected, answer in answers:
            self._expected.pop(expected, None)
            try:
                expected.then(answer)
            except Exception as error:  # noqa: BLE001  told as the loop tells of all such; the others get their answers
                self._loop.call_exception_handler({"message": "an answer was not taken", "exception": error})

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        for expected in [one for one in self._expected if one.until <= now]:
            if self.withdraw(expected):
                self._hand_out([(expected, LedgerError(f"the ledger was busy for {self._timeout_s:g} s"))])
            else:
                self._stuck()  # its turn has come: what becomes of it must be known
        if self._expected:
            soon = min((one.until - now for one in self._expected if one.until > now), default=self._timeout_s)
            self._timer = self._loop.call_later(soon, self._look)
