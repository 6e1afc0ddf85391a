"""What has to be asked of disks and stores: every few seconds, in a thread, never because somebody asks for it.

Who asks for `/readyz` or `/metrics` is given what was found the last time: a thousand questions a second cost a store
nothing, and a file system that does not answer keeps no question waiting.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weir.audit.spool.room import FULL, Room, free_bytes
from weir.edge.health.behind import UP_TO_DATE, Behind, behind
from weir.edge.health.page import Reason

if TYPE_CHECKING:
    from weir.limits.admission import Admission
    from weir.limits.budget import Standing

__all__ = ["NOTHING_YET", "BudgetUse", "Looked", "look", "uses"]

BUDGETS_MAX = 200  # told one by one; a policy may have more
OF_KEYS, OTHERS = "of-keys", "others"
_TOLD_BY_NAME = frozenset({"org", "team", "app"})  # of these the policy's words are told; users and keys never


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """One budget of the policy, over all its accounts (of a budget for ``*`` each team has one)."""

    id: str
    scope: str
    name: str  # as the policy has it; empty where that could be a person
    unit: str
    per: str
    used_ratio: float  # of the account that has least left
    accounts: int
    spent_up: int  # accounts with nothing left


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found. ``at``: by the monotonic clock; 0 when nobody has looked yet."""

    at: float = 0.0
    reasons: tuple[Reason, ...] = ()
    free_bytes: int | None = None
    behind: Behind | None = None
    budgets: tuple[BudgetUse, ...] = ()


NOTHING_YET = Looked(behind=UP_TO_DATE)


def look(data: Path, room: Room | None, admission: Admission | None) -> Looked:
    """Look at the disk and ask the stores. Blocks: for as long as they take."""
    reasons: list[Reason] = []
    spool = data / "spool"
    free: int | None = None
    late: Behind | None = None
    try:
        free = free_bytes(spool)
        late = behind(data)
        if not os.access(spool, os.W_OK | os.X_OK):
            reasons.append(Reason("audit-spool", "the directory of the audit's spool cannot be written"))
    except OSError:
        reasons.append(Reason("audit-spool", "the directory of the audit's spool cannot be read"))
    if room is not None and free is not None and free < room.disk.floor:
        reasons.append(Reason("audit-disk", FULL))
    budgets: tuple[BudgetUse, ...] = ()
    if admission is not None:
        budgets, trouble = _limits(admission)
        reasons += trouble
    return Looked(time.monotonic(), tuple(reasons), free, late, budgets)


def _limits(admission: Admission) -> tuple[tuple[BudgetUse, ...], list[Reason]]:
    from weir.limits.store import LedgerError

    reasons = []
    budgets: tuple[BudgetUse, ...] = ()
    try:
        budgets = uses(admission.gate.standings())
    except LedgerError:  # its words may be of the database: they are in the log
        reasons.append(Reason("budgets-store", "the store of budgets cannot be used"))
    try:
        answers = admission.gate.rates_answer()
    except LedgerError:
        answers = False
    if not answers:
        reasons.append(Reason("rates-store", "the store of rates cannot be used"))
    return budgets, reasons


def uses(standings: Iterable[Standing]) -> tuple[BudgetUse, ...]:
    """Accounts by the budget they are of. Budgets that virtual keys bring along are one, by unit and window."""
    found: dict[tuple[str, str, str, str, str], list[Standing]] = {}
    for standing in standings:
        budget = standing.account.budget
        scope = str(budget.scope)
        own = scope == "key" and "*" not in budget.name
        name = budget.name if scope in _TOLD_BY_NAME else ""
        key = (OF_KEYS if own else budget.id, scope, name, str(budget.unit), str(budget.per))
        if key not in found and len(found) >= BUDGETS_MAX:
            key = (OTHERS, scope, "", str(budget.unit), str(budget.per))
        found.setdefault(key, []).append(standing)
    return tuple(_use(key, some) for key, some in found.items())


def _use(key: tuple[str, str, str, str, str], some: list[Standing]) -> BudgetUse:
    ratios = [(one.spent + one.reserved) / one.account.budget.amount for one in some if one.account.budget.amount]
    return BudgetUse(*key, max(ratios, default=0.0), len(some), sum(ratio >= 1.0 for ratio in ratios))
