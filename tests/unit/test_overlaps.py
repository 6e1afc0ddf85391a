"""Budgets and rates that contradict each other or themselves, each told with its line."""

from __future__ import annotations

import pytest

from weir.globs import fits
from weir.overlaps import literal
from weir.settings import PolicyError, loads


def mistakes(text: str) -> list[str]:
    try:
        loads(f"version: 1\n{text}", file="p.yaml")
    except PolicyError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


SAME = "is about the same as the one on line"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "budgets:\n- {usd: 1, per: day}\n- {usd: 2, per: day}",
            f"p.yaml:4: budgets[1]: {SAME} 3; remove one, or name other models",
        ),
        (
            "budgets:\n- {scope: team, name: A, tokens: 1, per: day}\nteams:\n  a:\n    budget: {tokens: 2, per: day}",
            f"p.yaml:6: teams.a.budget: {SAME} 3; remove one, or name other models",
        ),
        (
            "teams:\n a:\n  budget:\n  - {usd: 1, per: day, models: [x, y]}\n  - {usd: 1, per: day, models: [Y, x]}",
            f"p.yaml:6: teams.a.budget[1]: {SAME} 5; remove one, or name other models",
        ),
        (
            "rates:\n- {scope: user, requests: 1}\n- {scope: user, streams: 1}",
            f"p.yaml:4: rates[1]: {SAME} 3; remove one, or name other models",
        ),
        (
            "budgets:\n- {name: jane, usd: 1, per: day}",
            "p.yaml:3: budgets[0].name: names somebody, but there is one organisation; write a scope, such as team",
        ),
        (
            "budgets:\n- {usd: 1, per: day, downgrade: {a: A}}",
            "p.yaml:3: budgets[0].downgrade.a: leads to the model itself; write a cheaper model, or remove it",
        ),
        (
            "budgets:\n- usd: 1\n  per: day\n  downgrade:\n    a: b*",
            "p.yaml:6: budgets[0].downgrade.a: leads to a glob, which is no model; write the name of one model",
        ),
        (
            "budgets:\n- usd: 1\n  per: day\n  downgrade:\n    gpt*: small\n    gpt-5: other",
            "p.yaml:7: budgets[0].downgrade.gpt-5: is never reached: one above it matches the same models; "
            "put it above that one",
        ),
    ],
)
def test_one_mistake(text: str, said: str) -> None:
    assert mistakes(text) == [said]


@pytest.mark.parametrize(
    "text",
    [
        "budgets: [{usd: 1, per: day}, {usd: 1, per: month}, {tokens: 1, per: day}, {usd: 1, per: day, models: [a]}]",
        "budgets: [{scope: team, usd: 1, per: day}]\nteams: {a: {budget: {usd: 1, per: day}}}",
        "teams: {'a*': {budget: {usd: 1, per: day}}}\nbudgets: [{scope: team, name: 'a*', usd: 1, per: day}]",
        "rates: [{requests: 1}, {requests: 1, services: [openai]}]",
        "budgets: [{usd: 1, per: day, downgrade: {gpt-5: small, 'gpt*': tiny}}]",
    ],
)
def test_what_differs_may_stand_side_by_side(text: str) -> None:
    assert mistakes(text) == []


@pytest.mark.parametrize("text", ["budgets: 5", "budgets: [5]", "teams: [x]", "teams: {a: {budget: 5}}", "rates: {}"])
def test_what_is_no_list_is_told_by_its_field_alone(text: str) -> None:
    assert len(mistakes(text)) == 1


def test_the_short_form_is_told_where_it_stands() -> None:
    assert mistakes("teams:\n  a:\n    budget:\n      usd: 1\n      per: moth") == [
        "p.yaml:6: teams.a.budget.per: is not a word known here; write month (known: minute, hour, day, month)"
    ]


def test_a_teams_name_is_no_glob() -> None:
    assert fits("r*d?", (literal("r*d?"),)) and not fits("road", (literal("r*d?"),)) and literal("[x]") == "[[]x]"
