"""Before anybody is refused because too much is held, what this process holds by bounds is counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable

from weir.limits.batch import Trim
from weir.limits.ending import Ends
from weir.limits.gate import Gate
from weir.limits.holding import Hold

__all__ = ["Trimming"]

log = logging.getLogger("weir.limits")
TRIMMING_S = 2.0  # how long a refusal waits for it
_MOST = 64  # at once


class Trimming:
    """One a process, used on its loop; ``held`` is what is held there."""

    def __init__(self, gate: Gate, ends: Ends, held: Iterable[Hold]) -> None:
        self._gate, self._ends, self._held = gate, ends, held
        self._lock = asyncio.Lock()

    async def shrink(self, accounts: Collection[str]) -> bool:
        """Hold no more of these ``accounts`` (ids) than a closer look says. False when that was so already."""
        if not self._rough(accounts, ()):
            return False
        tried: set[Hold] = set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TRIMMING_S), self._lock:
                while some := self._rough(accounts, tried)[:_MOST]:
                    tried.update(some)
                    await asyncio.gather(*map(self._trim, some))
        return True

    def _rough(self, accounts: Collection[str], tried: Collection[Hold]) -> list[Hold]:
        rough = [hold for hold in self._held if hold.exactly is not None and hold.held and hold not in tried]
        return [hold for hold in rough if not self._gate.draws(hold.claim).isdisjoint(accounts)]

    async def _trim(self, hold: Hold) -> None:
        exactly = hold.exactly
        if exactly is None:
            return  # it has ended just now
        try:
            claim = await exactly.of(hold.claim)
            if not hold.ended:
                await self._ends.ask(Trim(claim), lambda _: None)
        except Exception as error:  # noqa: BLE001  it stays held by its bound, and keeps no other from being counted
            log.error("what a request holds could not be counted: %s", type(error).__name__)
            return
        if not hold.ended:
            hold.claim, hold.exactly = claim, None
