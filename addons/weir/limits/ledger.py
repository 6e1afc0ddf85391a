"""The ledger: room in budgets is held before a request goes upstream, and what it used is written down after.

What is held of an account and what is spent never exceed its amount together, however many requests, threads,
processes and machines ask at once: an account is locked from the look at its room to the commit of the hold. Every
call goes by a claim's id and may be repeated. Calls that wait at once are answered in one transaction. They block, for
the store's timeout: make them off the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from weir.limits import rows
from weir.limits.batch import (
    Answer,
    Asked,
    Batch,
    Charge,
    NoAccount,
    Overtaken,
    Release,
    Renew,
    Reservation,
    Reserve,
    Settle,
    Settled,
)
from weir.limits.bringing import Box, Expected, Then
from weir.limits.budget import Account, Budget, Claim, Refused, Standing, accounts
from weir.limits.known import Known
from weir.limits.rows import Actual
from weir.limits.store import LedgerError, Store
from weir.limits.together import Together

__all__ = ["Actual", "Ledger", "LedgerError", "Reservation", "Settled"]

SECOND = 1_000_000
TIDY_EVERY_S = 60
CLAIMS_KEPT_S = 86_400  # after expiry, for a settlement that comes late, such as that of a background response
ACCOUNTS_KEPT_S = 62 * 86_400
_TRIES = 4


class Ledger:
    """Holds, settles and releases claims against the budgets of a policy. Thread-safe; one a process."""

    def __init__(
        self,
        store: Store,
        budgets: Sequence[Budget] = (),
        *,
        hold_s: float = 600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._hold = int(hold_s * SECOND)
        self._clock = clock
        self._tidy_at = clock() + TIDY_EVERY_S
        self._known = Known()
        # SQLite has one writer. With PostgreSQL the next are taken while the last wait for their commit.
        self._queue = Together[Asked, Answer](
            self._answer,
            lambda asked: asked.id,
            threads=1 if store.sqlite else 2,
            timeout_s=store.timeout_s,
            stuck=store.break_off,
        )
        self.use(budgets)

    @classmethod
    def open(
        cls, where: Path | str, budgets: Sequence[Budget] = (), *, timeout_s: float = 5.0, hold_s: float = 600.0
    ) -> Ledger:
        """The ledger in the SQLite file ``where`` (a Path) or at a ``postgresql://`` URL. Raises LedgerError."""
        return cls(Store.open(where, timeout_s), budgets, hold_s=hold_s)

    def use(self, budgets: Sequence[Budget] | Known) -> None:
        """Go by these budgets from now on. What has been spent stays with every budget whose id is still there."""
        self._known = budgets if isinstance(budgets, Known) else Known(budgets)

    def reserve(self, claim: Claim) -> Reservation | Refused:
        """Hold what ``claim`` may use at most in every account it draws on: in all of them or in none.

        Asked again for a claim that is held, the answer is the same reservation. Raises LedgerError when the store
        can't be used, when too many wait for it, or when the id is that of a claim that has ended.
        """
        asked = self.wanted(claim)
        return cast(Reservation | Refused, self._queue.wait(asked) if isinstance(asked, Reserve) else asked)

    def answer(self, asked: Claim | Release) -> Answer:
        """As `reserve` or `release`."""
        return self.release(asked.id) if isinstance(asked, Release) else self.reserve(asked)

    def settle(self, claim_id: str, actual: Actual | None) -> Settled:
        """Write down what the claim used, instead of what was held for it; None as ``actual`` spends all of the hold.

        Counts once, also after the claim's expiry or release. Not ``first`` when it was settled before or is not
        known. Raises LedgerError.
        """
        return cast(Settled, self._queue.wait(Settle(claim_id, actual), always=True))

    def release(self, claim_id: str) -> bool:
        """Give back what is held: nothing was used. False when nothing was held. Raises LedgerError."""
        return cast(bool, self._queue.wait(Release(claim_id), always=True))

    def renew(self, claim_id: str) -> bool:
        """Hold it for ``hold_s`` from now, for streams that last. False when it is held no more. Raises LedgerError."""
        return cast(bool, self._queue.wait(Renew(claim_id), always=True))

    def charge(self, claim: Claim, actual: Actual) -> Settled:
        """Write down use that nothing is held for, as after a time without the store. Counts once, never refuses.

        Raises LedgerError.
        """
        asked = self.charged(claim, actual)
        return cast(Settled, self._queue.wait(asked, always=True)) if asked.drawn else Settled(False)

    def box(self) -> Box[Answer]:
        """Made on a loop, for `post`."""
        return Box(self._queue.withdraw, self._store.break_off, self._store.timeout_s)

    def post(
        self, box: Box[Answer], asked: Sequence[tuple[Asked, Then[Answer]]], *, always: bool
    ) -> list[Expected[Answer]]:
        """Ask these in this order and return at once; the answers come to the loop of ``box``. ``always``: also when
        too many wait. Raises LedgerError when they do."""
        return self._queue.post(box, asked, always=always)

    def wanted(self, claim: Claim) -> Reserve | Reservation:
        """What to ask to hold it; the answer itself when no budget is about it."""
        now = self._now()
        drawn = accounts(self._known.about(claim), claim, now)
        return Reserve(claim, drawn) if drawn else Reservation(claim.id, now + self._hold)

    def charged(self, claim: Claim, actual: Actual) -> Charge:
        """What to ask to charge it; nothing is drawn on when no budget is about it."""
        return Charge(claim, accounts(self._known.about(claim), claim, self._now()), actual)

    def standings(self) -> tuple[Standing, ...]:
        """Every account of the budgets in use that has been drawn on in its current window, all as they stood at one
        moment. Raises LedgerError."""
        return self._store.run(lambda connection: rows.standings(connection, self._known.by_id, self._now()))

    def warnings(self) -> tuple[Standing, ...]:
        """Those standings that have reached ``warn_at``. Raises LedgerError."""
        return tuple(standing for standing in self.standings() if standing.warned)

    def tidy(self) -> None:
        """Clear away claims and accounts of long ago, some thousands at a time. Raises LedgerError.

        It is done once a minute, before claims are answered.
        """
        now = self._now()
        claims, windows = now - CLAIMS_KEPT_S * SECOND, now - ACCOUNTS_KEPT_S * SECOND
        self._store.run(lambda connection: rows.clear(connection, claims, windows))

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _now(self) -> int:
        return int(self._clock() * SECOND)

    def _answer(self, asked: list[Asked]) -> Sequence[Answer]:
        """All in one transaction."""
        if self._clock() >= self._tidy_at:
            self._tidy_at = self._clock() + TIDY_EVERY_S
            self.tidy()  # before, not after: should it fail, nothing is held yet
        batch = Batch(self._store, asked, self._known.by_id, self._hold, self._now)
        for _ in range(_TRIES):
            try:
                return self._store.run(batch.work)
            except NoAccount as none:
                self._open(none.missing)
            except Overtaken:
                continue
        raise LedgerError("other processes changed the same claims over and over")

    def _open(self, missing: Sequence[Account]) -> None:
        self._store.run(lambda connection: rows.open_accounts(self._store, connection, missing))
