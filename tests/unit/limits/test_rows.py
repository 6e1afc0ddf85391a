"""What rows say."""

from __future__ import annotations

import pytest

from weir.limits.budget import AMOUNT_MAX, Budget, Scope, Unit, Window
from weir.limits.rows import Actual, Row

BUDGET = Budget("b", Scope.ORG, Unit.TOKENS, 100, Window.DAY)


def test_what_was_used_of_which_unit() -> None:
    assert [Actual(3, 5).of(unit, 9) for unit in ("tokens", "nano_usd")] == [3, 5]
    assert [Actual(3, None).of(unit, 9) for unit in ("tokens", "nano_usd")] == [3, 9]


@pytest.mark.parametrize(("tokens", "nano_usd"), [(-1, 0), (0, -1), (AMOUNT_MAX + 1, None)])
def test_what_was_used_has_bounds(tokens: int, nano_usd: int | None) -> None:
    with pytest.raises(ValueError, match="from 0 to"):
        Actual(tokens, nano_usd)


def test_a_row_stands_only_by_a_budget_in_use() -> None:
    row = Row("id", "b", "ann", "tokens", 0, 7, 0)
    standing = row.standing({"b": BUDGET}, 3)
    assert standing and (standing.spent, standing.reserved, standing.account.name) == (7, 3, "ann")
    assert row.standing({}) is None
