"""The ledger: room in budgets is held before a request goes upstream, and what it used is written down after.

What is held of an account and what is spent never exceed its amount together, however many requests, threads,
processes and machines ask at once: an account is locked from the look at its room to the commit of the hold. Every
call goes by a claim's id and may be repeated. Calls block, for the store's timeout: make them off the event loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select, update

from weir.limits import rows
from weir.limits.budget import Account, Budget, Claim, Refused, Standing, accounts
from weir.limits.rows import Actual
from weir.limits.store import CLAIMS, HOLDS, LedgerError, Store

__all__ = ["Actual", "Ledger", "LedgerError", "Reservation", "Settled"]

SECOND = 1_000_000
TIDY_EVERY_S = 60
CLAIMS_KEPT_S = 86_400  # after expiry, for a settlement that comes late, such as that of a background response
ACCOUNTS_KEPT_S = 62 * 86_400


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room that is held. ``standings`` shows each account with this claim in it; none when no budget is about it,
    and then nothing is stored and there is nothing to settle."""

    id: str
    expires_at: int  # microseconds; from then on it is held no more
    standings: tuple[Standing, ...] = ()

    @property
    def warnings(self) -> tuple[Standing, ...]:
        """The accounts that have reached ``warn_at``."""
        return tuple(standing for standing in self.standings if standing.warned)


@dataclass(frozen=True, slots=True)
class Settled:
    """``first``: by this call. ``crossed``: accounts that reached ``warn_at`` by it; each is told of once a window."""

    first: bool
    crossed: tuple[Standing, ...] = ()


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
        self._tidying = threading.Lock()
        self._budgets: Mapping[str, Budget] = {}
        self.use(budgets)

    @classmethod
    def open(
        cls, where: Path | str, budgets: Sequence[Budget] = (), *, timeout_s: float = 5.0, hold_s: float = 600.0
    ) -> Ledger:
        """The ledger in the SQLite file ``where`` (a Path) or at a ``postgresql://`` URL. Raises LedgerError."""
        return cls(Store.open(where, timeout_s), budgets, hold_s=hold_s)

    def use(self, budgets: Sequence[Budget]) -> None:
        """Go by these budgets from now on. What has been spent stays with every budget whose id is still there."""
        self._budgets = {budget.id: budget for budget in budgets}

    def reserve(self, claim: Claim) -> Reservation | Refused:
        """Hold what ``claim`` may use at most in every account it draws on: in all of them or in none.

        Asked again for a claim that is held, the answer is the same reservation. Raises LedgerError when the store
        can't be used, or when the id is that of a claim that has ended.
        """
        now = self._now()
        drawn = accounts(self._budgets.values(), claim, now)
        if not drawn:
            return Reservation(claim.id, now + self._hold)
        self._tidy_now_and_then()  # before, not after: should it fail, nothing is held yet

        def work(connection: Connection) -> Reservation:
            return Reservation(claim.id, *rows.take(self._store, connection, claim, drawn, now, now + self._hold))

        try:
            answer: Reservation | Refused = self._run(work, drawn)
        except rows.Undone as undone:
            answer = undone.answer
        return answer

    def settle(self, claim_id: str, actual: Actual | None) -> Settled:
        """Write down what the claim used, instead of what was held for it; None as ``actual`` spends all of the hold.

        Counts once, also after the claim's expiry or release. Not ``first`` when it was settled before or is not
        known. Raises LedgerError.
        """
        crossed = self._store.run(lambda connection: rows.settle(connection, claim_id, actual, self._budgets))
        return Settled(False) if crossed is None else Settled(True, crossed)

    def release(self, claim_id: str) -> bool:
        """Give back what is held: nothing was used. False when nothing was held. Raises LedgerError."""

        def work(connection: Connection) -> bool:
            ended = update(CLAIMS).where(CLAIMS.c.id == claim_id, CLAIMS.c.state == "held").values(state="released")
            if connection.execute(ended).rowcount == 0:
                return False
            # The rows stay: should usage turn up after all, they say where it goes.
            connection.execute(update(HOLDS).where(HOLDS.c.claim == claim_id).values(expires=0))
            return True

        return self._store.run(work)

    def renew(self, claim_id: str) -> bool:
        """Hold it for ``hold_s`` from now, for streams that last. False when it is held no more. Raises LedgerError."""

        def work(connection: Connection) -> bool:
            mine = select(CLAIMS.c.expires).where(CLAIMS.c.id == claim_id, CLAIMS.c.state == "held").with_for_update()
            expires = connection.execute(mine).scalar()
            held = select(HOLDS.c.account).where(HOLDS.c.claim == claim_id)
            rows.lock(connection, list(connection.execute(held).scalars()))
            now = self._now()  # with the accounts locked: a hold that somebody has seen expire does not come back
            if expires is None or expires <= now:
                return False
            until = {"expires": now + self._hold}
            connection.execute(update(CLAIMS).where(CLAIMS.c.id == claim_id).values(until))
            connection.execute(update(HOLDS).where(HOLDS.c.claim == claim_id).values(until))
            return True

        return self._store.run(work)

    def charge(self, claim: Claim, actual: Actual) -> Settled:
        """Write down use that nothing is held for, as after a time without the store. Counts once, never refuses.

        Raises LedgerError.
        """
        now = self._now()
        drawn = accounts(self._budgets.values(), claim, now)
        if not drawn:
            return Settled(False)

        def work(connection: Connection) -> tuple[Standing, ...] | None:
            if self._store.add(connection, CLAIMS, {"id": claim.id, "state": "held", "expires": now}):
                if len(rows.lock(connection, [one.id for one in drawn])) < len(drawn):
                    raise rows.NoAccount
                rows.hold(connection, claim, drawn, now)
            return rows.settle(connection, claim.id, actual, self._budgets)

        crossed = self._run(work, drawn)
        return Settled(False) if crossed is None else Settled(True, crossed)

    def standings(self) -> tuple[Standing, ...]:
        """Every account of the budgets in use that has been drawn on in its current window. Raises LedgerError."""
        return self._store.run(lambda connection: rows.standings(connection, self._budgets, self._now()))

    def warnings(self) -> tuple[Standing, ...]:
        """Those standings that have reached ``warn_at``. Raises LedgerError."""
        return tuple(standing for standing in self.standings() if standing.warned)

    def tidy(self) -> None:
        """Clear away claims and accounts of long ago, some thousands at a time. Raises LedgerError.

        ``reserve`` does it once a minute.
        """
        now = self._now()
        claims, windows = now - CLAIMS_KEPT_S * SECOND, now - ACCOUNTS_KEPT_S * SECOND
        self._store.run(lambda connection: rows.clear(connection, claims, windows))

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _now(self) -> int:
        return int(self._clock() * SECOND)

    def _run[T](self, work: Callable[[Connection], T], drawn: Sequence[Account]) -> T:
        try:
            return self._store.run(work)
        except rows.NoAccount:
            self._store.run(lambda connection: rows.open_accounts(self._store, connection, drawn))
        return self._store.run(work)

    def _tidy_now_and_then(self) -> None:
        if self._clock() < self._tidy_at or not self._tidying.acquire(blocking=False):
            return
        try:
            self._tidy_at = self._clock() + TIDY_EVERY_S
            self.tidy()
        finally:
            self._tidying.release()
