"""From a policy's sections to budgets and rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weir import sections
from weir.limits.budget import Scope, Unit, Window
from weir.limits.plan import MEMORY, budgets, plan_of, rates
from weir.settings import loads


def budget(**fields: Any) -> sections.Budget:
    return sections.Budget.model_validate({"per": "month", **fields})


def test_a_budget_as_written() -> None:
    written = budget(
        scope="team", name="fin*", usd=500, models="gpt-5*", downgrade={"gpt-5": "gpt-5-mini"}, unpriced="allow"
    )
    (made,) = budgets([written])
    assert (made.scope, made.name, made.unit, made.per) == (Scope.TEAM, "fin*", Unit.NANO_USD, Window.MONTH)
    assert (made.amount, made.warn_from) == (500 * 10**9, 400 * 10**9)
    assert made.models == ("gpt-5*",) and made.instead("gpt-5") == "gpt-5-mini" and made.unpriced == "allow"


@pytest.mark.parametrize(
    ("warn_at", "tokens", "expected"),
    [("80%", 1000, 800), ("80%", 1001, 801), ("0.1%", 1000, 1), ("33.333333%", 100, 34), (0, 10, None)],
)
def test_where_a_warning_begins(warn_at: object, tokens: int, expected: int | None) -> None:
    (made,) = budgets([budget(tokens=tokens, warn_at=warn_at)])
    assert made.warn_from == expected and made.unit is Unit.TOKENS


def test_the_accounts_stay_when_the_amount_changes() -> None:
    before, after = budgets([budget(usd=5)]), budgets([budget(usd=9, warn_at="50%")])
    assert before[0].id == after[0].id != budgets([budget(usd=5, models="m")])[0].id


def test_two_about_the_same_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="budget 2 is about the same"):
        budgets([budget(usd=5), budget(usd=6)])
    assert len(budgets([budget(usd=5), budget(tokens=6), budget(usd=5, per="day")])) == 3
    twice = [sections.Rate(requests=1), sections.Rate(tokens=1)]
    with pytest.raises(ValueError, match="rate 2 is about the same"):
        rates(twice)


def test_a_rate_as_written() -> None:
    (made,) = rates([sections.Rate(scope="key", requests=60, tokens=1000, streams=4)])
    assert (made.scope, made.name, made.requests, made.tokens, made.streams) == (Scope.KEY, "*", 60, 1000, 4)


def test_a_teams_allowance_is_a_budget_of_that_team() -> None:
    settings = loads(
        "version: 1\nbudgets: [{usd: 9, per: day}]\n"
        "teams: {'a*': {budget: {usd: 0.1, per: month}}, b: {budget: [{tokens: 5, per: day}, {usd: 1, per: day}]}}"
    )
    made = plan_of(settings, Path("l.db"))
    assert [(one.scope, one.name, one.amount) for one in made.budgets] == [
        ("org", "", 9 * 10**9), ("team", "a[*]", 10**8), ("team", "b", 5), ("team", "b", 10**9),
    ]  # fmt: skip
    assert (made.redis, made.timeout_s, made.hold_s, made.output_tokens) == (MEMORY, 2.0, 600.0, 4096)


def test_addresses_are_not_shown() -> None:
    assert "secret" not in repr(plan_of(loads("version: 1"), "postgresql://u:secret@h/d", "redis://:secret@h"))
