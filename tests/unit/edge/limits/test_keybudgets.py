"""Budgets that keys bring along stand beside the policy's, in one plan that is made anew only when it must be."""

from __future__ import annotations

from pathlib import Path

from weir import settings
from weir.edge.limits.keybudgets import KeyBudgets, budget_of
from weir.keys.virtual import KeyBudget
from weir.limits.budget import Scope
from weir.limits.plan import plan_of

POLICY = "version: 1\nbudgets: [{scope: key, name: vk-1, usd: 1, per: day}]"


def test_a_key_has_accounts_of_its_own() -> None:
    chosen = settings.loads(POLICY)
    (of_policy,) = plan_of(chosen, Path("x")).budgets
    own = budget_of("vk-1", KeyBudget.parse("1/day"))
    assert (own.scope, own.name, own.amount, own.warn_from) == (Scope.KEY, "vk-1", 10**9, 8 * 10**8)
    assert own.id != of_policy.id and own.id != budget_of("vk-2", KeyBudget.parse("1/day")).id


def test_without_budgets_of_keys_the_policy_is_all() -> None:
    chosen = settings.loads(POLICY)
    plan, ours = plan_of(chosen, Path("x")), KeyBudgets(Path("y"), Path("owed"))
    assert ours.plan(plan, chosen) is plan and ours.plan(None, chosen) is None


def test_they_hold_beside_the_policys() -> None:
    chosen = settings.loads(POLICY)
    plan, ours = plan_of(chosen, Path("x")), KeyBudgets(Path("y"), Path("owed"))
    ours.take([("vk-9", KeyBudget.parse("5 tokens/hour"))])
    both = ours.plan(plan, chosen)
    assert both is not None and both.ledger == Path("x") and both.budgets == plan.budgets
    assert both.of_keys is not None and set(both.of_keys.by_key) == {"vk-9"}
    ours.take([("vk-8", KeyBudget.parse("1/day"))])
    assert ours.plan(plan, chosen) is both and set(both.of_keys.by_key) == {"vk-9", "vk-8"}


def test_without_limits_in_the_policy_they_are_counted_where_the_keys_are() -> None:
    chosen = settings.loads("version: 1\nstores: {timeout_ms: 700}")
    ours = KeyBudgets(Path("y"), Path("owed"))
    ours.take([("vk-9", KeyBudget.parse("1/day"))])
    plan = ours.plan(None, chosen)
    assert plan is not None and (plan.ledger, plan.owed, plan.budgets) == (Path("y"), Path("owed"), ())
    assert plan.timeout_s == 0.7 and ours.plan(None, chosen) is plan
    other = settings.loads("version: 1\nstores: {timeout_ms: 800}")
    again = ours.plan(None, other)
    assert again is not None and again.timeout_s == 0.8
