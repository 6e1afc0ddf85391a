"""What one transaction of the ledger does with its rows. All lock in one order, so none waits for another for ever:
the claim's row, then its accounts by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from weir.limits.budget import AMOUNT_MAX, Account, Budget, Claim, Refused, Standing, Unit, refusal
from weir.limits.store import ACCOUNTS, CLAIMS, HOLDS, LedgerError, Store

__all__ = [
    "Actual", "NoAccount", "Row", "Undone", "clear", "hold", "live", "lock", "open_accounts", "settle", "standings",
    "take",
]  # fmt: skip

_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Actual:
    """What a request did use. ``nano_usd`` is None when no price is known: then what was held for it is spent."""

    tokens: int
    nano_usd: int | None

    def __post_init__(self) -> None:
        if not 0 <= self.tokens <= AMOUNT_MAX or not 0 <= (self.nano_usd or 0) <= AMOUNT_MAX:
            raise ValueError(f"what a request used is from 0 to {AMOUNT_MAX}")

    def of(self, unit: str, held: int) -> int:
        """How much of ``unit``."""
        if unit == Unit.TOKENS:
            return self.tokens
        return held if self.nano_usd is None else self.nano_usd


@dataclass(frozen=True, slots=True)
class Row:
    """An account as it is stored."""

    id: str
    budget: str
    name: str
    unit: str
    starts: int
    spent: int
    warned: int

    def standing(self, budgets: Mapping[str, Budget], reserved: int = 0) -> Standing | None:
        """How it stands; None when its budget is no longer in use."""
        budget = budgets.get(self.budget)
        return Standing(Account(budget, self.name, self.starts), self.spent, reserved) if budget else None


_ROW = (
    *(ACCOUNTS.c.id, ACCOUNTS.c.budget, ACCOUNTS.c.name, ACCOUNTS.c.unit),
    *(ACCOUNTS.c.starts, ACCOUNTS.c.spent, ACCOUNTS.c.warned),
)


_CHANGE = (
    update(ACCOUNTS)
    .where(ACCOUNTS.c.id == bindparam("key"))
    .values(spent=bindparam("new_spent"), warned=bindparam("new_warned"))
)


class Undone(Exception):
    """Ends a transaction without a trace, with an answer."""

    def __init__(self, answer: Refused) -> None:
        self.answer = answer


class NoAccount(Exception):
    """An account has no row yet. It gets one in a transaction of its own: made here it could lock out of order."""


def open_accounts(store: Store, connection: Connection, drawn: Sequence[Account]) -> None:
    """Give every account a row that has none."""
    for one in sorted(drawn, key=lambda account: account.id):
        row: dict[str, str | int] = {
            "id": one.id,
            "budget": one.budget.id,
            "name": one.name,
            "unit": one.budget.unit.value,
        }
        row |= {"starts": one.starts, "ends": one.resets_at, "spent": 0, "warned": 0}
        store.add(connection, ACCOUNTS, row)


def lock(connection: Connection, ids: Sequence[str]) -> dict[str, Row]:
    """The accounts with these ids, by id; nobody else changes them, or holds on to them, before this commits."""
    asked = select(*_ROW).where(ACCOUNTS.c.id.in_(ids)).order_by(ACCOUNTS.c.id).with_for_update()
    return {row.id: Row(*row) for row in connection.execute(asked)}


def live(connection: Connection, ids: Sequence[str], now: int) -> dict[str, int]:
    """What is held of each account at ``now``; accounts of which nothing is held are left out."""
    amount = func.sum(HOLDS.c.amount)
    asked = select(HOLDS.c.account, amount).where(HOLDS.c.account.in_(ids), HOLDS.c.expires > now)
    return {row[0]: int(row[1]) for row in connection.execute(asked.group_by(HOLDS.c.account))}


def hold(connection: Connection, claim: Claim, drawn: Sequence[Account], expires: int) -> None:
    """Write down what ``claim`` holds of each account."""
    rows = [
        {"claim": claim.id, "account": one.id, "amount": claim.amount(one.budget.unit) or 0, "expires": expires}
        for one in drawn
    ]
    connection.execute(insert(HOLDS), rows)


def take(
    store: Store, connection: Connection, claim: Claim, drawn: Sequence[Account], now: int, expires: int
) -> tuple[int, tuple[Standing, ...]]:
    """Hold ``claim`` until ``expires``. Returns until when it is held, and each account with it in it.

    Raises Undone with the refusal, NoAccount, or LedgerError when the claim has ended before.
    """
    added = store.add(connection, CLAIMS, {"id": claim.id, "state": "held", "expires": expires})
    rows = lock(connection, [account.id for account in drawn])
    if len(rows) < len(drawn):
        raise NoAccount
    held = live(connection, list(rows), now)
    before = [Standing(one, rows[one.id].spent, held.get(one.id, 0)) for one in drawn]
    if not added:
        row = connection.execute(select(CLAIMS.c.state, CLAIMS.c.expires).where(CLAIMS.c.id == claim.id)).one()
        if row.state != "held" or row.expires <= now:
            raise LedgerError("the claim's id is that of one that has ended")
        return row.expires, tuple(before)
    refused = refusal(claim, before)
    if refused:
        raise Undone(refused)
    hold(connection, claim, drawn, expires)
    return expires, tuple(
        replace(one, reserved=one.reserved + (claim.amount(one.account.budget.unit) or 0)) for one in before
    )


def settle(
    connection: Connection, claim_id: str, actual: Actual | None, budgets: Mapping[str, Budget]
) -> tuple[Standing, ...] | None:
    """Spend what was used and end the claim. Returns the accounts that reached ``warn_at`` by it; None when there is
    no such claim or it was settled before."""
    state = connection.execute(select(CLAIMS.c.state).where(CLAIMS.c.id == claim_id).with_for_update()).scalar()
    if state is None or state == "settled":
        return None
    mine = select(HOLDS.c.account, HOLDS.c.amount).where(HOLDS.c.claim == claim_id)
    held: dict[str, int] = {row[0]: row[1] for row in connection.execute(mine)}
    connection.execute(delete(HOLDS).where(HOLDS.c.claim == claim_id))
    connection.execute(update(CLAIMS).where(CLAIMS.c.id == claim_id), {"state": "settled"})
    crossed, changes = [], []
    # Accounts come last: everybody waits for them.
    for row in lock(connection, list(held)).values():
        used = held[row.id] if actual is None else actual.of(row.unit, held[row.id])
        after = replace(row, spent=row.spent + used).standing(budgets)
        warned = row.warned
        if after is not None and after.warned and not warned:
            crossed.append(after)
            warned = 1
        changes.append({"key": row.id, "new_spent": row.spent + used, "new_warned": warned})
    if changes:
        connection.execute(_CHANGE, changes)
    return tuple(crossed)


def standings(connection: Connection, budgets: Mapping[str, Budget], now: int) -> tuple[Standing, ...]:
    """Every account of ``budgets`` whose window holds ``now``, by id."""
    asked = select(*_ROW).where(ACCOUNTS.c.starts <= now, ACCOUNTS.c.ends > now).order_by(ACCOUNTS.c.id)
    rows = [row for row in (Row(*each) for each in connection.execute(asked)) if row.budget in budgets]
    held: dict[str, int] = {}
    for start in range(0, len(rows), 500):
        held |= live(connection, [row.id for row in rows[start : start + 500]], now)
    found = (row.standing(budgets, held.get(row.id, 0)) for row in rows)
    return tuple(one for one in found if one is not None)


def clear(connection: Connection, claims_before: int, accounts_before: int) -> None:
    """Delete claims that expired before the one time and accounts whose window ended before the other."""
    old = select(CLAIMS.c.id).where(CLAIMS.c.expires < claims_before).limit(_MOST)
    # Passing over those that are locked: a claim that is being settled late is not swept away under it.
    ids = list(connection.execute(old.with_for_update(skip_locked=True)).scalars())
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        connection.execute(delete(HOLDS).where(HOLDS.c.claim.in_(some)))
        connection.execute(delete(CLAIMS).where(CLAIMS.c.id.in_(some)))
    connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.ends < accounts_before))
