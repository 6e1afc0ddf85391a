"""What one request holds, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from weir.limits.budget import Claim, Standing
from weir.limits.rows import Actual
from weir.limits.steps import Again

__all__ = ["UNUSED", "End", "Exactly", "Hold", "Unused"]


class Unused:
    """Nothing was used: what was held is given back."""


UNUSED = Unused()
End = Actual | Unused | None  # None: nobody knows what was used, so all that was claimed is


class Exactly:
    """The claim that a rough one stands for. Counted when it is asked for, once, whoever asks."""

    def __init__(self, count: Callable[[], Awaitable[Again]]) -> None:
        """``count`` looks closely, off the loop, and yields what makes claims by it."""
        self._count = count
        self._counting: asyncio.Future[Again] | None = None

    async def of(self, claim: Claim) -> Claim:
        """Raises what ``count`` raises; then it may be asked again."""
        if self._counting is None or (self._counting.done() and self._counting.exception() is not None):
            self._counting = asyncio.ensure_future(self._count())
            self._counting.add_done_callback(_seen)
        made = await asyncio.shield(self._counting)
        return made(claim.model, claim.past)


def _seen(done: asyncio.Future[Again]) -> None:
    """Whoever waited may be gone; then its failure is nobody's."""
    if not done.cancelled():
        done.exception()


@dataclass(slots=True, eq=False)
class Hold:
    """What one request holds. ``over`` and ``how`` tell of an end that was missed: whether, and what was used."""

    claim: Claim
    held: bool
    stream: bool
    warnings: tuple[Standing, ...]
    over: Callable[[], bool]
    how: Callable[[], End]
    kept_at: float
    claims: tuple[Claim, ...] = ()  # by which it has places among the streams
    until: float | None = None  # when it is given back, because nobody fetched what it was for
    missed: bool = False
    ended: bool = False
    exactly: Exactly | None = None  # while its claim is rough

    def vague(self, end: End) -> bool:
        """Whether ``end`` spends what is claimed, and that is only a bound."""
        if self.exactly is None or isinstance(end, Unused):
            return False
        return end is None or (end.nano_usd is None and self.claim.nano_usd is not None)

    def told(self, end: End) -> End:
        """``end`` in figures, where it is what was claimed."""
        if isinstance(end, Unused):
            return end
        if end is None:
            return Actual(self.claim.tokens, self.claim.nano_usd)
        return end if end.nano_usd is not None else Actual(end.tokens, self.claim.nano_usd)
