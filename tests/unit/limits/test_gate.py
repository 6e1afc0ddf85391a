"""Budgets and rates asked together: all or nothing, downgrades, observing, and stores that rest when they fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from weir.limits.batch import Narrow, Reserve
from weir.limits.budget import Claim, Refused
from weir.limits.gate import Admitted, Gate
from weir.limits.plan import Plan, plan_of
from weir.limits.rates import Limited
from weir.limits.rows import Actual
from weir.limits.steps import Count
from weir.limits.store import LedgerError
from weir.model import Principal
from weir.settings import loads

WHO = Principal(team="finance", key_id="k1")


def claim(number: int, tokens: int = 60, model: str = "big", past: tuple[str, ...] = ()) -> Claim:
    return Claim(f"c{number}", WHO, "openai", model, tokens, 1000, past)


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    def make(text: str, where: Path | None = None) -> Plan:
        return plan_of(loads(f"version: 1\n{text}"), where or tmp_path / "limits.db")

    return make


def ask(gate: Gate, one: Claim, **more: Any) -> Admitted | Refused | Limited:
    return gate.admit(one, **{"stream": False, "observe": False, "again": None, **more})


def test_room_is_held_settled_and_given_back(plan: Callable[..., Plan]) -> None:
    gate = Gate(plan("budgets: [{tokens: 100, per: month, warn_at: 50%}]"))
    first = ask(gate, claim(1))
    assert first == Admitted(claim(1), held=True)
    assert isinstance(ask(gate, claim(2)), Refused)
    crossed = gate.settle(claim(1), Actual(55, 10), held=True)
    assert [one.spent for one in crossed] == [55]
    assert gate.settle(claim(1), Actual(55, 10), held=True) == (), "counted once"
    third = ask(gate, claim(3, 40))
    assert isinstance(third, Admitted) and [one.spent for one in third.warnings] == [55]
    gate.release(claim(3))
    (now,) = gate.standings()
    assert (now.spent, now.reserved) == (55, 0)
    gate.settle(claim(4), None, held=False)  # all that was claimed, where nobody knows
    assert gate.standings()[0].spent == 115
    gate.close()


def test_a_downgrade_passes_the_budget_that_refused_and_no_other(plan: Callable[..., Plan]) -> None:
    text = 'budgets: [{tokens: 50, per: day, downgrade: {"big": small}}, {tokens: 70, per: month}]'
    gate = Gate(plan(text))

    def again(model: str, past: tuple[str, ...]) -> Claim:
        return claim(1, model=model, past=past)

    got = ask(gate, claim(1), again=again)
    assert isinstance(got, Admitted) and got.held and got.claim.model == "small"
    assert isinstance(got.refused, Refused) and got.refused.reason == "too large"
    second = ask(gate, claim(2), again=lambda model, past: claim(2, model=model, past=past))
    assert isinstance(second, Refused) and second.budget.per == "month"
    assert isinstance(ask(gate, claim(3)), Refused), "not where the model cannot be changed"


def test_who_is_refused_leaves_the_streams(plan: Callable[..., Plan]) -> None:
    gate = Gate(plan("budgets: [{tokens: 100, per: day}]\nrates: [{scope: key, streams: 1}]"))
    assert isinstance(ask(gate, claim(1, 500), stream=True), Refused)
    assert isinstance(ask(gate, claim(2), stream=True), Admitted)
    assert isinstance(ask(gate, claim(3, 1), stream=True), Limited)
    gate.renew(claim(2), held=True, stream=True)
    gate.leave(claim(2))
    assert isinstance(ask(gate, claim(4, 1), stream=True), Admitted)


def test_observing_says_what_would_have_been(plan: Callable[..., Plan]) -> None:
    gate = Gate(plan("budgets: [{tokens: 50, per: day}]\nrates: [{requests: 1}]"))
    first, second = ask(gate, claim(1), observe=True), ask(gate, claim(2, 10), observe=True)
    assert isinstance(first, Admitted) and isinstance(first.refused, Refused) and not first.held
    assert isinstance(second, Admitted) and isinstance(second.refused, Limited) and second.held


def test_a_request_is_counted_once_however_often_it_asks(plan: Callable[..., Plan]) -> None:
    gate = Gate(plan("rates: [{requests: 1}]"))
    assert gate.quick(claim(1))
    assert isinstance(ask(gate, claim(1)), Admitted)
    assert isinstance(ask(gate, claim(1), take=False), Admitted)
    assert isinstance(ask(gate, claim(2)), Limited)


def test_other_limits_take_the_place_of_the_old_and_keep_what_is_spent(plan: Callable[..., Plan]) -> None:
    gate = Gate(plan("budgets: [{tokens: 100, per: day}]"))
    ask(gate, claim(1))
    gate.settle(claim(1), Actual(60, 1), held=True)
    assert isinstance(ask(gate, claim(2)), Refused)
    gate.use(plan("budgets: [{tokens: 200, per: day}]\nrates: [{requests: 1}]"))
    assert gate.standings()[0].spent == 60 and isinstance(ask(gate, claim(2)), Admitted)
    gate.use(plan("rates: [{requests: 1, services: [anthropic]}]"))
    assert not gate.concerns(claim(3)) and ask(gate, claim(3)) == Admitted(claim(3))
    assert gate.settle(claim(3), Actual(1, 1), held=False) == ()


def test_a_store_that_fails_again_and_again_is_left_alone_for_a_moment(
    plan: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, opened = [0.0], []
    gate = Gate(plan("budgets: [{tokens: 100, per: day}]", tmp_path / "no" / "limits.db"), clock=lambda: now[0])
    real = gate._ledger._opens
    monkeypatch.setattr(gate._ledger, "_opens", lambda: (opened.append(1), real())[1])
    for _ in range(6):
        with pytest.raises(LedgerError):
            ask(gate, claim(1), stream=True)
    assert len(opened) == 3, "after three failures nobody waits for it any more"
    (tmp_path / "no").mkdir()
    now[0] = 1.1
    assert isinstance(ask(gate, claim(1)), Admitted)


def test_a_store_of_rates_is_asked_where_there_is_one(plan: Callable[..., Plan]) -> None:
    assert Gate(plan("rates: [{requests: 1}]")).rates_answer(), "in memory"
    away = replace(plan("rates: [{requests: 1}]"), redis="redis://127.0.0.1:1/0", timeout_s=1.0)
    assert not Gate(away).rates_answer()
    assert Gate(replace(away, rates=())).rates_answer(), "nobody needs it"


def test_the_other_model_of_a_downgrade_has_rates_of_its_own(plan: Callable[..., Plan]) -> None:
    rates = "rates: [{requests: 9}, {requests: 1, models: [small]}, {streams: 1, models: [big]}]"
    gate = Gate(plan(f'budgets: [{{tokens: 50, per: day, downgrade: {{"big": small}}}}]\n{rates}'))

    def down(number: int) -> Admitted | Refused | Limited:
        return ask(gate, claim(number), stream=True, again=lambda model, past: claim(number, model=model, past=past))

    first = down(1)
    assert isinstance(first, Admitted) and [one.model for one in first.claims] == ["small", "big"]
    second = down(2)
    assert isinstance(second, Limited) and second.kind == "streams", "its place is that of the model it asked for"
    gate.renew(*first.claims, held=True, stream=True)
    gate.leave(*first.claims)
    third = down(3)
    assert isinstance(third, Limited) and (third.kind, third.rate.models) == ("requests", ("small",))
    (now,) = gate.standings()
    assert now.reserved == 60, "what was refused holds nothing"
    assert isinstance(ask(gate, claim(4, 0), stream=True), Admitted), "and no place either"


def test_a_downgrade_never_goes_round_in_circles(plan: Callable[..., Plan]) -> None:
    gate = Gate(plan('budgets: [{tokens: 50, per: day, downgrade: {"a": b, "b": a}}, {tokens: 40, per: hour}]'))
    asked: list[str] = []

    def again(model: str, past: tuple[str, ...]) -> Claim:
        asked.append(model)
        return claim(1, model=model, past=past)

    assert isinstance(ask(gate, claim(1, model="a"), again=again), Refused) and len(asked) <= 4
    assert sum(one.reserved for one in gate.standings()) == 0


def test_a_downgrade_to_a_model_without_a_price_is_no_way_out(plan: Callable[..., Plan]) -> None:
    gate = Gate(plan('budgets: [{usd: 0.0000001, per: day, downgrade: {"big": nameless}}]'))

    def again(model: str, past: tuple[str, ...]) -> Claim:
        return Claim("c1", WHO, "openai", model, 60, None, past)

    got = ask(gate, claim(1), again=again)
    assert isinstance(got, Refused) and got.reason == "too large", "what it says is about the model that was asked for"


def test_where_little_was_left_nobody_asks_roughly_for_a_while(plan: Callable[..., Plan]) -> None:
    now = [0.0]
    gate = Gate(plan("budgets: [{tokens: 100, per: month}]"), lambda: now[0])
    gate.open()
    rough = replace(claim(1, 6), rough=True)
    (account,) = gate.draws(rough)
    steps = gate.steps(rough, stream=False, observe=False, again=None)
    assert next(steps) is rough and isinstance(gate.wanted(rough), Reserve)
    assert steps.send(Narrow((account,))) == Count(rough)
    assert steps.send(claim(1, 2)) == claim(1, 2), "asked again, counted"
    assert gate.wanted(rough) == Narrow((account,)), "without a question to the ledger"
    assert isinstance(gate.wanted(claim(1, 2)), Reserve)
    now[0] = 5.1
    assert isinstance(gate.wanted(rough), Reserve)


@pytest.mark.parametrize(
    ("text", "rough"),
    [
        ("", True),
        ("rates: [{scope: team, requests: 5}]", True),
        ("rates: [{scope: team, name: finance, tokens: 5, models: [other]}]", False),  # it may be sent there instead
        ("rates: [{scope: team, name: other, tokens: 5}]", True),
    ],
)
def test_bounds_are_no_matter_of_rates(plan: Callable[..., Plan], text: str, rough: bool) -> None:
    assert Gate(plan(text or "budgets: []")).rough(claim(1)) is rough


def test_with_rates_in_redis_nothing_is_asked_roughly(plan: Callable[..., Plan]) -> None:
    gate = Gate(replace(plan("budgets: [{tokens: 100, per: month}]"), redis="redis://nowhere:1/0"))
    assert not gate.rough(claim(1))
    with pytest.raises(LedgerError, match="ask again"):
        ask(gate, replace(claim(1, 6), rough=True))  # the stores have just become others
