"""Budgets in arithmetic alone: windows, who draws on what, and why there is no room."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from weir.limits.budget import (
    AMOUNT_MAX,
    UNREADABLE,
    Account,
    Budget,
    Claim,
    Scope,
    Standing,
    Unit,
    Window,
    accounts,
    budget_id,
    narrow,
    plain,
    refusal,
)
from weir.model import Principal

ANN = Principal(user="ann", team="red", app="bot", key_id="k1")
BASE = Budget("b", Scope.ORG, Unit.NANO_USD, 100, Window.DAY)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**6


def claim(**changes: Any) -> Claim:
    return replace(Claim("c", ANN, "openai", "gpt-5", 10, 10), **changes)


@pytest.mark.parametrize(
    ("window", "starts", "ends"),
    [
        (Window.MINUTE, "2028-02-29T23:59:00", "2028-03-01T00:00:00"),
        (Window.HOUR, "2028-02-29T23:00:00", "2028-03-01T00:00:00"),
        (Window.DAY, "2028-02-29T00:00:00", "2028-03-01T00:00:00"),
        (Window.MONTH, "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_windows_are_those_of_the_calendar(window: Window, starts: str, ends: str) -> None:
    now = at("2028-02-29T23:59:59") + 999_999
    assert (window.starts(now), window.ends(now)) == (at(starts), at(ends))
    assert window.starts(at(ends)) == at(ends) == window.ends(at(starts))


def test_december_is_followed_by_january() -> None:
    assert Window.MONTH.ends(at("2026-12-31T12:00:00")) == at("2027-01-01T00:00:00")


@pytest.mark.parametrize(
    ("changes", "covers"),
    [
        ({}, True),
        ({"scope": Scope.TEAM, "name": "red"}, True),
        ({"scope": Scope.TEAM, "name": "RE*"}, True),
        ({"scope": Scope.TEAM, "name": "blue"}, False),
        ({"scope": Scope.APP, "name": "bot"}, True),
        ({"scope": Scope.KEY, "name": "k?"}, True),
        ({"scope": Scope.USER, "name": "bob"}, False),
        ({"models": ("claude-*", "gpt-5*")}, True),
        ({"models": ("gpt-4*",)}, False),
        ({"services": ("openai",)}, True),
        ({"services": ("anthropic",), "models": ("gpt-5",)}, False),
    ],
)
def test_whom_and_what_a_budget_is_about(changes: dict[str, Any], covers: bool) -> None:
    assert replace(BASE, **changes).covers(claim()) is covers


def test_who_has_no_name_does_not_slip_through() -> None:
    nobody = claim(principal=Principal())
    assert replace(BASE, scope=Scope.TEAM).covers(nobody)
    assert not replace(BASE, scope=Scope.TEAM, name="red").covers(nobody)


def test_each_name_has_an_account_of_its_own() -> None:
    budgets = [BASE, replace(BASE, id="t", scope=Scope.TEAM), replace(BASE, id="u", scope=Scope.USER, name="bob")]
    now = at("2026-11-21T12:34:56")
    found = accounts(budgets, claim(), now)
    assert [one.id for one in found] == ["b@2026-11-21T00:00/", "t@2026-11-21T00:00/red"]
    assert found[0].resets_at == at("2026-11-22T00:00:00")


def test_names_are_such_as_any_store_holds() -> None:
    assert plain("Žofie") == "Žofie" and plain("a\0b") == "a\\0b"
    assert plain("\ud800").isascii()
    assert len(plain("x" * 999)) == 200 and plain("x" * 999) != plain("x" * 998)


def test_an_id_outlives_a_change_of_amount_and_of_order() -> None:
    first = budget_id("team", "tokens", "day", "*", ("a", "b"), ())
    assert first == budget_id("team", "tokens", "day", "*", ("b", "a"), ())
    others = {budget_id("team", "tokens", "day", "*", (), ("a", "b")), budget_id("org", "tokens", "day", "*", (), ())}
    assert first not in others and len(others) == 2 and "/" not in first and "@" not in first


@pytest.mark.parametrize(
    ("spent", "reserved", "asked", "reason"),
    [
        (90, 0, 10, None),
        (50, 40, 10, None),
        (90, 0, 11, "spent"),
        (50, 45, 10, "held"),
        (0, 0, 101, "too large"),
        (100, 0, 0, None),
        (300, 0, 0, None),
        (100, 0, 1, "spent"),
        (0, 0, None, "unpriced"),
    ],
)
def test_room(spent: int, reserved: int, asked: int | None, reason: str | None) -> None:
    refused = refusal(claim(nano_usd=asked), [Standing(Account(BASE, "", 0), spent, reserved)])
    assert (refused.reason if refused else None) == reason


def test_a_model_without_a_price_may_be_allowed() -> None:
    standing = Standing(Account(replace(BASE, unpriced="allow"), "", 0), 100)
    assert refusal(claim(nano_usd=None), [standing]) is None
    tokens = Standing(Account(replace(BASE, unit=Unit.TOKENS), "", 0))
    assert refusal(claim(nano_usd=None), [tokens]) is None


def test_of_several_refusals_the_one_that_decides() -> None:
    full = [
        Standing(Account(replace(BASE, id="a", downgrade={"gpt-5*": "gpt-5-mini"}, per=Window.MONTH), "", 0), 100),
        Standing(Account(replace(BASE, id="b", scope=Scope.USER), "", 0), 100),
        Standing(Account(replace(BASE, id="c", scope=Scope.TEAM), "", 0), 100),
        Standing(Account(replace(BASE, id="d", per=Window.HOUR), "", 0), 100),
    ]
    refused = refusal(claim(), full)
    assert refused and refused.budget.id == "c" and refused.instead == "" and refused.scope is Scope.TEAM
    only = refusal(claim(), full[:1])
    assert only and only.instead == "gpt-5-mini"
    assert refusal(claim(model="gpt-5-mini", past=("a",)), full[:1]) is None


@pytest.mark.parametrize(("model", "instead"), [("gpt-5", "gpt-5-mini"), ("gpt-5-mini", ""), ("claude", "haiku")])
def test_downgrades(model: str, instead: str) -> None:
    assert replace(BASE, downgrade={"gpt-5*": "gpt-5-mini", "cl*": "haiku"}).instead(model) == instead


@pytest.mark.parametrize(("spent", "warned", "percent"), [(79, False, 79), (80, True, 80), (250, True, 250)])
def test_warning(spent: int, warned: bool, percent: int) -> None:
    standing = Standing(Account(replace(BASE, warn_from=80), "", 0), spent)
    assert (standing.warned, standing.percent) == (warned, percent)
    assert not Standing(Account(BASE, "", 0), spent).warned


@pytest.mark.parametrize("changes", [{"tokens": -1}, {"nano_usd": -1}, {"tokens": AMOUNT_MAX + 1}])
def test_a_claim_has_bounds(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a claim is from 0"):
        claim(**changes)


def test_a_model_that_cannot_be_read_is_every_budgets_affair() -> None:
    mini, team = replace(BASE, models=("gpt-5-mini",)), replace(BASE, scope=Scope.TEAM, name="nobody", models=("x",))
    assert mini.covers(claim(model=UNREADABLE)) and not mini.covers(claim(model=""))
    assert not team.covers(claim(model=UNREADABLE)), "of those who are concerned at all"


@pytest.mark.parametrize(
    ("spent", "reserved", "changes", "little"),
    [
        (60, 20, {"nano_usd": 1}, False),
        (60, 21, {"nano_usd": 1}, True),
        (0, 0, {"nano_usd": 6}, True),
        (99, 0, {"nano_usd": 6, "past": ("b",)}, False),
        (100, 0, {"nano_usd": None}, False),  # whatever is counted, it has no price
        (60, 21, {"nano_usd": 1, "rough": False}, False),
    ],
)
def test_where_a_bound_will_not_do(spent: int, reserved: int, changes: dict[str, Any], little: bool) -> None:
    standing = Standing(Account(BASE, "", 0), spent, reserved)
    assert narrow(claim(**{"rough": True, **changes}), [standing]) == ((standing.account.id,) if little else ())


def test_a_refusal_names_all_accounts_that_are_full_only_of_what_is_held() -> None:
    accounts = [Account(replace(BASE, id=name), "", 0) for name in ("a", "b", "c")]
    stand = [Standing(accounts[0], 95, 0), Standing(accounts[1], 90, 5), Standing(accounts[2], 0, 95)]
    refused = refusal(claim(), stand)
    assert refused is not None and refused.full == (accounts[1].id, accounts[2].id)
    assert refused.reason == "spent"
