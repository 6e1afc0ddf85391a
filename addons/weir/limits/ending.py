"""What ends waits for a moment, to go to the ledger with whoever asks next: nobody waits for it, and each transaction
costs as much as ten things in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from weir.limits.batch import Answer, Asked
from weir.limits.bringing import Box, Expected, Then
from weir.limits.gate import Gate
from weir.limits.store import LedgerError

__all__ = ["LINGER_S", "Ends"]

LINGER_S = 0.02  # at most; what a killed process has not written down for this is spent by nobody, and held for hold_s
_MOST = 64  # that wait for somebody who asks


class Ends:
    """Questions to the ledger from one loop, used on it. `Gate.opened` must hold."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._box: Box[Answer] | None = None
        self._waiting: list[tuple[Asked, Then[Answer]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0  # questions without an answer yet
        self._rest: asyncio.Future[None] | None = None

    def add(self, asked: Asked, then: Then[Answer]) -> None:
        """Ask it within `LINGER_S`; ``then`` is called with the answer, or with why there is none."""
        self._waiting.append((asked, then))
        if len(self._waiting) >= _MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_S, self.flush)

    def flush(self) -> None:
        """Ask all that waits, now."""
        waiting = self._taken()
        if not waiting:
            return
        try:
            self._post(waiting, always=True)
        except LedgerError as error:
            for _, then in waiting:
                then(error)

    async def rest(self) -> None:
        """Ask all that waits, and what the answers bring with them, until nothing is without its answer."""
        while self._waiting or self._asked:
            self.flush()
            if self._asked:
                self._rest = asyncio.get_running_loop().create_future()
                await self._rest

    async def ask(self, asked: Asked, unwanted: Callable[[Answer], None]) -> Answer:
        """Ask it now, with all that waits. Raises LedgerError. Cancelled while it is being answered, ``unwanted`` is
        told of the answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def then(answer: Answer | Exception) -> None:
            if future.cancelled():
                if not isinstance(answer, Exception):
                    unwanted(answer)
            elif isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        expected = self._post([*self._waiting, (asked, then)], always=False)[-1]
        self._taken()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # answered and cancelled within one turn of the loop
                if future.exception() is None:
                    unwanted(future.result())
            elif expected.box.forget(expected):
                self._one_less()
            raise

    def _taken(self) -> list[tuple[Asked, Then[Answer]]]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        return waiting

    def _post(self, asked: Sequence[tuple[Asked, Then[Answer]]], *, always: bool) -> list[Expected[Answer]]:
        if self._box is None:
            self._box = self._gate.box()
        posted = self._gate.post(self._box, [(one, self._counted(then)) for one, then in asked], always=always)
        self._asked += len(posted)
        return posted

    def _counted(self, then: Then[Answer]) -> Then[Answer]:
        def counted(answer: Answer | Exception) -> None:
            self._gate.heard(answer)
            try:
                then(answer)
            finally:
                self._one_less()

        return counted

    def _one_less(self) -> None:
        self._asked -= 1
        if not self._asked and self._rest is not None and not self._rest.done():
            self._rest.set_result(None)
