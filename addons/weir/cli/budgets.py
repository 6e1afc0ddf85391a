"""``weir budgets``: how every budget stands, what is spent of it, held and left, and when it starts anew."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.cli.options import DATA, DataOption, FormatOption, PolicyOption
from weir.cli.output import fail, note, table, write_json

if TYPE_CHECKING:
    from weir.limits.budget import Budget, Standing
    from weir.limits.plan import Plan

__all__ = ["budgets"]

SECOND = 1_000_000
_GLOB = frozenset("*?[")


def budgets(policy: PolicyOption = None, data: DataOption = DATA, format: FormatOption = "table") -> None:
    """Every budget in its current window: whose it is, its amount, what is spent, what is held for requests on their
    way, what is left, when it starts anew (UTC).

    By the policy of the weir that runs on the data directory, unless --policy names one. Exit code 1 when the store of
    budgets cannot be used.
    """
    plan, file = _plan(policy, data)
    now = int(time.time() * SECOND)
    found = _standings(plan, now) if plan and plan.budgets else ()
    if format == "json":
        write_json({"policy": file, "at": _iso(now), "budgets": [_as_json(one) for one in found]})
    elif plan is None or not plan.budgets:
        note(f"{file} has no budgets; one is a line such as  budgets: [{{usd: 500, per: month}}]")
    else:
        _print(found)


def _plan(policy: Path | None, data: Path) -> tuple[Plan | None, str]:
    """The limits of the policy in question, and its file. Ends the command when it can't be used."""
    from weir.cli.running import running
    from weir.cli.scan import load_policy
    from weir.datadir import DataDir, DataDirError
    from weir.edge.limits.limitstores import plan_for

    other = running(data)
    settings = load_policy("budgets", policy or (Path(other.policy) if other and other.policy else None))
    if not data.is_dir():
        raise fail(
            "budgets", f"{data} is not there yet: weir run makes it; or name weir's data directory with --data", 2
        )
    from weir.edge.keys.keystore import with_budgets_of_keys
    from weir.keys.virtual import VirtualKeysError

    try:
        directory = DataDir(data)
        return with_budgets_of_keys(plan_for(settings, directory), settings, directory), settings.file
    except VirtualKeysError as error:
        remedy = "; see that the server of stores.budgets answers" if settings.stores.budgets else ""
        raise fail("budgets", f"{error}{remedy}") from None
    except (ValueError, DataDirError) as error:
        raise fail("budgets", str(error)) from None


def _standings(plan: Plan, now: int) -> tuple[Standing, ...]:
    from weir.limits.ledger import Ledger, LedgerError

    drawn: tuple[Standing, ...] = ()
    if not isinstance(plan.ledger, Path) or plan.ledger.exists():  # looking makes no store
        try:
            ledger = Ledger.open(plan.ledger, plan.budgets, timeout_s=plan.timeout_s, hold_s=plan.hold_s)
            try:
                drawn = ledger.standings()
            finally:
                ledger.close()
        except LedgerError as error:
            remedy = "" if isinstance(plan.ledger, Path) else "; see that the server of stores.budgets answers"
            raise fail("budgets", f"{error}{remedy}") from None
    order = [budget.id for budget in plan.budgets]
    every = [*drawn, *_untouched(plan.budgets, drawn, now)]
    return tuple(sorted(every, key=lambda one: (order.index(one.account.budget.id), one.account.name)))


def _untouched(known: Sequence[Budget], drawn: Sequence[Standing], now: int) -> list[Standing]:
    """Budgets of one name that nobody has drawn on yet."""
    from weir.limits.budget import Account, Scope, Standing

    seen = {one.account.budget.id for one in drawn}
    named = (one for one in known if one.id not in seen and (one.scope is Scope.ORG or not _GLOB & set(one.name)))
    return [Standing(Account(one, one.name, one.per.starts(now))) for one in named]


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_json(one: Standing) -> dict[str, Any]:
    budget = one.account.budget
    return {
        "scope": str(budget.scope),
        "name": one.account.name,
        "models": list(budget.models),
        "services": list(budget.services),
        "per": str(budget.per),
        "unit": str(budget.unit),
        "amount": budget.amount,
        "spent": one.spent,
        "held": one.reserved,
        "left": budget.amount - one.spent - one.reserved,
        "percent": one.percent,
        "warned": one.warned,
        "resets_at": _iso(one.account.resets_at),
        "id": budget.id,
    }


def _amount(value: int, unit: str) -> str:
    if unit == "tokens":
        return f"{value:,}"
    dollars = Decimal(value) / 10**9
    if dollars == dollars.to_integral_value():
        return f"${dollars:,.0f}"
    if abs(dollars) >= 1 or dollars * 100 == (dollars * 100).to_integral_value():
        return f"${dollars:,.2f}"
    return f"${dollars:,.4f}" if abs(dollars) >= Decimal("0.001") else "<$0.001"


def _who(one: Standing) -> str:
    scope = one.account.budget.scope
    return str(scope) if scope == "org" else f"{scope} {one.account.name}" if one.account.name else f"no {scope}"


def _print(found: Sequence[Standing]) -> None:
    rows: list[tuple[object, ...]] = []
    for one in found:
        budget = one.account.budget
        unit, left = str(budget.unit), budget.amount - one.spent - one.reserved
        resets = datetime.fromtimestamp(one.account.resets_at / SECOND, UTC)
        rows.append(
            (
                _who(one),
                ", ".join((*budget.models, *budget.services)) or "all",
                f"{_amount(budget.amount, unit)}/{budget.per}",
                _amount(one.spent, unit),
                f"{one.percent}%{'!' if one.warned else ''}",
                _amount(one.reserved, unit),
                _amount(max(left, 0), unit),  # what went over it shows as more than 100 %
                f"{resets:%Y-%m-%d}" if budget.per in ("day", "month") else f"{resets:%H:%M}",
            )
        )
    heads: tuple[str, ...] = ("whose", "for", "budget", "spent", "", "held", "left", "resets")
    if all(row[1] == "all" for row in rows):
        heads, rows = (heads[0], *heads[2:]), [(row[0], *row[2:]) for row in rows]
    table(heads, rows, "Budgets (UTC)", stack=False)
    if any(one.warned for one in found):
        note("!: warn_at is reached, and weir has warned")
