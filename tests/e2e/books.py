"""The ledger beside the audit: whatever has happened, what the one has spent is what the other has as cost."""

from __future__ import annotations

from e2e.support import House
from harness.processes import until
from weir.datadir import DataDir
from weir.edge.limits.limitstores import plan_for
from weir.limits.budget import Standing
from weir.limits.ledger import Ledger
from weir.settings import load

__all__ = ["balanced", "books", "standings"]


def standings(house: House) -> list[Standing]:
    """How every account stands, as anybody sees it who asks the ledger."""
    plan = plan_for(load(house.weir.policy), DataDir(house.weir.data))
    assert plan is not None
    ledger = Ledger.open(plan.ledger, plan.budgets)
    try:
        return list(ledger.standings())
    finally:
        ledger.close()


def books(house: House) -> tuple[int, int, int]:
    """What all accounts hold; what is spent of the widest budget; what the audit has as cost, nano-dollars.

    Turns of sockets have records of their own beside the socket's, which has their sum.
    """
    found = standings(house)
    spent = sum(one.spent for one in found if one.account.budget.per == "month" and one.account.budget.scope == "org")
    last = {
        row["exchange_id"]: row for row in house.weir.records() if row["kind"] not in ("turn", "config", "first_seen")
    }
    return sum(one.reserved for one in found), spent, sum(row.get("cost_nano") or 0 for row in last.values())


def balanced(house: House) -> None:
    """Nothing is held, and the ledger has spent what the audit has recorded, to the nano-dollar."""
    try:
        until(lambda: (now := books(house))[0] == 0 and now[1] == now[2], "books that agree")
    except AssertionError as problem:
        raise AssertionError(f"{problem}: held, spent, recorded: {books(house)}") from None
