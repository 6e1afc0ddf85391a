"""The statements of the ledger's transactions, and what rows say. All lock in one order, so that none waits for another
for ever: claims by id, then accounts by id; new claims are inserted after that, by id."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from weir.limits.budget import AMOUNT_MAX, Account, Budget, Standing, Unit
from weir.limits.store import ACCOUNTS, CLAIMS, HOLDS, Store
from weir.sqlstore import query

__all__ = [
    "Actual", "Hold", "Row", "bury", "change", "claims", "clear", "end", "hold", "holds", "live", "lock",
    "open_accounts", "prolong", "standings", "trim",
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


def claims(connection: Connection, ids: Collection[str]) -> tuple[dict[str, str], dict[str, list[Hold]]]:
    """The state of each claim that there is, and what it holds or held; nobody else ends them before this commits."""
    # What is held is seen as of before a wait for a lock. That is of no matter: amounts only ever shrink, and a claim
    # that was settled meanwhile is seen to be.
    found = query(
        connection,
        "SELECT c.id, c.state, h.account, h.amount, h.expires FROM weir_claims c LEFT JOIN weir_holds h"
        " ON h.claim = c.id WHERE c.id IN {ids} ORDER BY c.id{of_c}",
        sorted(ids),
    )
    states: dict[str, str] = {}
    held: dict[str, list[Hold]] = {}
    for name, state, account, amount, expires in found:
        states[name] = state
        mine = held.setdefault(name, [])
        if account is not None:
            mine.append(Hold(account, amount, expires))
    return states, held


def holds(connection: Connection, ids: Sequence[str]) -> dict[str, list[Hold]]:
    """What each of these claims holds or held."""
    found: dict[str, list[Hold]] = {name: [] for name in ids}
    asked = "SELECT claim, account, amount, expires FROM weir_holds WHERE claim IN {ids}"
    for name, account, amount, expires in query(connection, asked, ids):
        found[name].append(Hold(account, amount, expires))
    return found


def lock(connection: Connection, ids: Collection[str]) -> dict[str, Row]:
    """The accounts with these ids, by id; nobody else changes them, or holds on to them, before this commits."""
    asked = (
        "SELECT c.id, c.budget, c.name, c.unit, c.starts, c.spent, c.warned FROM weir_accounts c"
        " WHERE c.id IN {ids} ORDER BY c.id{of_c}"
    )
    return {row[0]: Row(*row) for row in query(connection, asked, sorted(ids))}


def live(connection: Connection, ids: Sequence[str], now: int) -> tuple[dict[str, int], bool]:
    """What is held of each account at ``now`` (accounts of which nothing is held are left out), and whether there are
    holds whose time came since somebody looked."""
    asked = (
        "SELECT account, sum(CASE WHEN expires > ? THEN amount ELSE 0 END), sum(CASE WHEN expires <= ? THEN 1 ELSE 0"
        " END) FROM weir_holds WHERE account IN {ids} AND expires > 0 GROUP BY account"
    )
    found = query(connection, asked, now, now, ids)
    return {row[0]: int(row[1]) for row in found}, any(row[2] for row in found)


def bury(connection: Connection, ids: Sequence[str], now: int) -> None:
    """End the holds whose time has come for good. Whoever takes their room does it first: then no clock that goes back,
    or is behind on another machine, brings them back to life."""
    over = "UPDATE weir_holds SET expires = 0 WHERE account IN {ids} AND expires > 0 AND expires <= ?"
    query(connection, over, ids, now)


def hold(
    connection: Connection, claims: Sequence[tuple[str, str, int]], held: Sequence[tuple[str, str, int, int]]
) -> bool:
    """Insert claims (id, state, expires) and what they hold (claim, account, amount, expires); False when another
    transaction was quicker with one of the claims."""
    said = "INSERT INTO weir_claims (id, state, expires) {rows:text,text,bigint} ON CONFLICT DO NOTHING RETURNING id"
    if len(query(connection, said, sorted(claims))) < len(claims):
        return False
    if held:
        columns = "INSERT INTO weir_holds (claim, account, amount, expires) {rows:text,text,bigint,bigint}"
        query(connection, columns, held)
    return True


def end(connection: Connection, settled: Sequence[str], released: Sequence[str]) -> None:
    """Note that claims have ended. What a released one held stays to be read: should usage turn up after all, it says
    where that goes."""
    if settled:
        query(connection, "DELETE FROM weir_holds WHERE claim IN {ids}", settled)
        query(connection, "UPDATE weir_claims SET state = 'settled' WHERE id IN {ids}", settled)
    if released:
        query(connection, "UPDATE weir_holds SET expires = 0 WHERE claim IN {ids}", released)
        query(connection, "UPDATE weir_claims SET state = 'released' WHERE id IN {ids}", released)


def prolong(connection: Connection, ids: Sequence[str], until: int) -> None:
    """Hold what these claims hold until then."""
    query(connection, "UPDATE weir_claims SET expires = ? WHERE id IN {ids}", until, ids)
    query(connection, "UPDATE weir_holds SET expires = ? WHERE claim IN {ids}", until, ids)


def trim(connection: Connection, held: Sequence[tuple[int, str, str]]) -> None:
    """Hold no more than this: amount, claim, account."""
    for amount, claim, account in held:
        fewer = "UPDATE weir_holds SET amount = ? WHERE claim = ? AND account = ? AND amount > ?"
        query(connection, fewer, amount, claim, account, amount)


def change(connection: Connection, rows: Sequence[Row]) -> None:
    """Write down what is spent, and who has been warned."""
    for one in rows:
        query(connection, "UPDATE weir_accounts SET spent = ?, warned = ? WHERE id = ?", one.spent, one.warned, one.id)


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
