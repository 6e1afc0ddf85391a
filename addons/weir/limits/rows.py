"""The statements of the ledger's transactions, and what rows say. All lock in one order, so that none waits for another
for ever: claims by id, then accounts by id; new claims are inserted after that, by id."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from weir.limits.budget import AMOUNT_MAX, Account, Budget, Standing, Unit
from weir.limits.store import ACCOUNTS, CLAIMS, HOLDS, Store

__all__ = [
    "Actual", "Hold", "Row", "bury", "change", "clear", "end", "hold", "holds", "live", "lock", "lock_claims",
    "open_accounts", "prolong", "standings", "states",
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


@dataclass(slots=True)
class Row:
    """An account as it is stored, and as it is to be."""

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


@dataclass(frozen=True, slots=True)
class Hold:
    """What a claim holds of an account."""

    account: str
    amount: int
    expires: int


_ROW = (
    *(ACCOUNTS.c.id, ACCOUNTS.c.budget, ACCOUNTS.c.name, ACCOUNTS.c.unit),
    *(ACCOUNTS.c.starts, ACCOUNTS.c.spent, ACCOUNTS.c.warned),
)
_CHANGE = (
    update(ACCOUNTS)
    .where(ACCOUNTS.c.id == bindparam("key"))
    .values(spent=bindparam("new_spent"), warned=bindparam("new_warned"))
)


def open_accounts(store: Store, connection: Connection, drawn: Collection[Account]) -> None:
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


def lock_claims(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    """The state of each claim that there is; nobody else ends them before this commits."""
    asked = select(CLAIMS.c.id, CLAIMS.c.state).where(CLAIMS.c.id.in_(ids)).order_by(CLAIMS.c.id).with_for_update()
    return {row[0]: row[1] for row in connection.execute(asked)}


def states(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    """The state of each claim that there is."""
    return {
        row[0]: row[1] for row in connection.execute(select(CLAIMS.c.id, CLAIMS.c.state).where(CLAIMS.c.id.in_(ids)))
    }


def holds(connection: Connection, ids: Collection[str]) -> dict[str, list[Hold]]:
    """What each of these claims holds or held."""
    found: dict[str, list[Hold]] = {name: [] for name in ids}
    asked = select(HOLDS.c.claim, HOLDS.c.account, HOLDS.c.amount, HOLDS.c.expires).where(HOLDS.c.claim.in_(ids))
    for row in connection.execute(asked):
        found[row[0]].append(Hold(row[1], row[2], row[3]))
    return found


def lock(connection: Connection, ids: Collection[str]) -> dict[str, Row]:
    """The accounts with these ids, by id; nobody else changes them, or holds on to them, before this commits."""
    asked = select(*_ROW).where(ACCOUNTS.c.id.in_(ids)).order_by(ACCOUNTS.c.id).with_for_update()
    return {row.id: Row(*row) for row in connection.execute(asked)}


def live(connection: Connection, ids: Collection[str], now: int) -> tuple[dict[str, int], bool]:
    """What is held of each account at ``now`` (accounts of which nothing is held are left out), and whether there are
    holds whose time came since somebody looked."""
    amount = func.sum(case((HOLDS.c.expires > now, HOLDS.c.amount), else_=0))
    over = func.sum(case((HOLDS.c.expires <= now, 1), else_=0))
    asked = select(HOLDS.c.account, amount, over).where(HOLDS.c.account.in_(ids), HOLDS.c.expires > 0)
    found = connection.execute(asked.group_by(HOLDS.c.account)).all()
    return {row[0]: int(row[1]) for row in found}, any(row[2] for row in found)


def bury(connection: Connection, ids: Collection[str], now: int) -> None:
    """End the holds whose time has come for good. Whoever takes their room does it first: then no clock that goes back,
    or is behind on another machine, brings them back to life."""
    over = (HOLDS.c.account.in_(ids), HOLDS.c.expires > 0, HOLDS.c.expires <= now)
    connection.execute(update(HOLDS).where(*over).values(expires=0))


def hold(
    store: Store, connection: Connection, claims: Sequence[dict[str, Any]], held: Sequence[dict[str, Any]]
) -> bool:
    """Insert claims and what they hold; False when another transaction was quicker with one of the claims."""
    if not store.add_all(connection, CLAIMS, sorted(claims, key=lambda row: str(row["id"]))):
        return False
    if held:
        connection.execute(insert(HOLDS), held)
    return True


def end(connection: Connection, settled: Collection[str], released: Collection[str]) -> None:
    """Note that claims have ended. What a released one held stays to be read: should usage turn up after all, it says
    where that goes."""
    if settled:
        connection.execute(delete(HOLDS).where(HOLDS.c.claim.in_(settled)))
        connection.execute(update(CLAIMS).where(CLAIMS.c.id.in_(settled)).values(state="settled"))
    if released:
        connection.execute(update(HOLDS).where(HOLDS.c.claim.in_(released)).values(expires=0))
        connection.execute(update(CLAIMS).where(CLAIMS.c.id.in_(released)).values(state="released"))


def prolong(connection: Connection, ids: Collection[str], until: int) -> None:
    """Hold what these claims hold until then."""
    connection.execute(update(CLAIMS).where(CLAIMS.c.id.in_(ids)).values(expires=until))
    connection.execute(update(HOLDS).where(HOLDS.c.claim.in_(ids)).values(expires=until))


def change(connection: Connection, rows: Sequence[Row]) -> None:
    """Write down what is spent, and who has been warned."""
    connection.execute(_CHANGE, [{"key": one.id, "new_spent": one.spent, "new_warned": one.warned} for one in rows])


def standings(connection: Connection, budgets: Mapping[str, Budget], now: int) -> tuple[Standing, ...]:
    """Every account of ``budgets`` whose window holds ``now``, by id, as they all stood at one moment."""
    amount = select(func.coalesce(func.sum(HOLDS.c.amount), 0)).where(
        HOLDS.c.account == ACCOUNTS.c.id, HOLDS.c.expires > now
    )
    asked = select(*_ROW, amount.scalar_subquery()).where(ACCOUNTS.c.starts <= now, ACCOUNTS.c.ends > now)
    rows = connection.execute(asked.where(ACCOUNTS.c.budget.in_(list(budgets))).order_by(ACCOUNTS.c.id))
    found = (Row(*each[:-1]).standing(budgets, int(each[-1])) for each in rows)
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
