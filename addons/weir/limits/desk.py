"""The ledger for an event loop: nothing here blocks, and no threads are needed to wait in."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from weir.limits.budget import Claim, Refused
from weir.limits.ledger import Actual, Ledger, Reservation, Settled

__all__ = ["Desk"]


class Desk:
    """``Ledger``'s calls to be awaited. Of a waiter that is cancelled nothing stays held."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def reserve(self, claim: Claim) -> Reservation | Refused:
        """As ``Ledger.reserve``. When the task is cancelled its claim leaves the queue, or is released as soon as it is
        held."""
        answer = self._ledger.ask_reserve(claim)
        try:
            return await self._come(answer)
        except asyncio.CancelledError:
            answer.cancel()
            answer.add_done_callback(self._give_back)  # when it is done already: at once
            raise

    async def settle(self, claim_id: str, actual: Actual | None) -> Settled:
        """As ``Ledger.settle``. Takes place even if the task is cancelled."""
        return await self._come(self._ledger.ask_settle(claim_id, actual))

    async def release(self, claim_id: str) -> bool:
        """As ``Ledger.release``. Takes place even if the task is cancelled."""
        return await self._come(self._ledger.ask_release(claim_id))

    async def renew(self, claim_id: str) -> bool:
        """As ``Ledger.renew``. Takes place even if the task is cancelled."""
        return await self._come(self._ledger.ask_renew(claim_id))

    async def charge(self, claim: Claim, actual: Actual) -> Settled:
        """As ``Ledger.charge``. Takes place even if the task is cancelled."""
        return await self._come(self._ledger.ask_charge(claim, actual))

    async def _come[A](self, answer: Future[A]) -> A:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        late = loop.call_later(self._ledger.timeout_s, self._break_off, waiter)

        def told() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def done(_: Future[A]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(told)

        answer.add_done_callback(done)
        try:
            await waiter
        finally:
            late.cancel()
        return answer.result()

    def _break_off(self, waiter: asyncio.Future[None]) -> None:
        self._ledger.break_off()
        if not waiter.done():
            asyncio.get_running_loop().call_later(self._ledger.timeout_s, self._break_off, waiter)

    def _give_back(self, answer: Future[Reservation | Refused]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            return
        held = answer.result()
        if isinstance(held, Reservation) and held.standings:
            self._ledger.ask_release(held.id)
