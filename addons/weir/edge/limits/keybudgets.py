"""The policy's limits and the budgets that virtual keys bring along, as one plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from weir.keys.virtual import KeyBudget
from weir.limits.budget import Budget, Scope, Unit, Window, budget_id
from weir.limits.known import OfKeys
from weir.settings import Settings

if TYPE_CHECKING:
    from weir.limits.plan import Plan

__all__ = ["KeyBudgets", "budget_of"]


def budget_of(key_id: str, given: KeyBudget) -> Budget:
    """The budget of one virtual key, beside whatever the policy says of keys: it has accounts of its own."""
    unit, per = Unit(given.unit), Window(given.per)
    return Budget(
        id=budget_id(Scope.KEY, unit, per, f"{key_id} itself", (), ()),
        scope=Scope.KEY,
        unit=unit,
        amount=given.amount,
        per=per,
        name=key_id,
        warn_from=-(-given.amount * 4 // 5),  # 80 %, as for a policy's budgets
    )


class KeyBudgets:
    """One a process. Budgets are counted in ``ledger``, the store that the keys are in, too."""

    def __init__(self, ledger: Path | str, owed: Path) -> None:
        self._ledger, self._owed = ledger, owed
        self._of_keys = OfKeys()
        self._made: tuple[Plan | None, Settings, Plan] | None = None

    def take(self, given: Iterable[tuple[str, KeyBudget]]) -> None:
        """These keys bring budgets, too. Loads what limits need: a third of a second, the first time."""
        for key_id, budget in given:
            import weir.limits.plan  # noqa: F401  so that `plan` need not, on the event loop

            self._of_keys.add(budget_of(key_id, budget))

    def plan(self, of_policy: Plan | None, settings: Settings) -> Plan | None:
        """What holds: the policy's own plan while no key has a budget; None when there are no limits at all."""
        if not self._of_keys.by_id:
            return of_policy
        made = self._made
        if made is not None and made[0] is of_policy and made[1] is settings:
            return made[2]
        from weir.limits.plan import plan_of

        base = of_policy or plan_of(settings, self._ledger, owed=self._owed)
        plan = replace(base, of_keys=self._of_keys)
        self._made = (of_policy, settings, plan)
        return plan
