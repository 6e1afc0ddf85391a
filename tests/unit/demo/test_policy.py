"""The demo's policy is the shipped one, and no more than two hosts and the teams are ever added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from weir import settings
from weir.demo.policy import policy_for
from weir.demo.stage import BUDGETS
from weir.places import policy_path
from weir.yamlpos import PolicyError

LAB, ORDERS = "lab.example", "orders.example"


@pytest.mark.parametrize(
    ("intercept", "added"),
    [
        ("", {"include": [LAB]}),
        ("intercept: catalogued", {"include": [LAB]}),
        ("intercept: all", {"exclude": [ORDERS]}),
        ("intercept: {scope: all, exclude: [orders.example]}", {}),
        ("intercept: {include: [lab.example]}", {}),
        ("intercept: {include: ['*.example'], exclude: [other.example]}", {"exclude": [ORDERS]}),
        ("intercept: {sample: 5%}", {"include": [LAB], "exclude": [ORDERS]}),
    ],
)
@pytest.mark.parametrize("teams", [{}, BUDGETS], ids=["no teams", "teams"])
def test_policy_for(tmp_path: Path, intercept: str, added: dict[str, list[str]], teams: dict[str, Any]) -> None:
    base = tmp_path / "mine.yaml"
    base.write_text(f"version: 1\nmode: enforce\n{intercept}\n")
    path, what = policy_for(base, LAB, ORDERS, teams, tmp_path)
    said = {name: yaml.safe_load(text) for name, text in what.items()}
    assert said == ({"intercept": added} if added else {}) | ({"teams": teams} if teams else {})
    assert (path == base) is (not said)
    assert policy_for(path, LAB, ORDERS, teams, tmp_path) == (path, {})  # nothing is missing now


def test_all_else_is_as_shipped(tmp_path: Path) -> None:
    shipped = policy_path("enforce")
    path, added = policy_for(shipped, LAB, ORDERS, BUDGETS, tmp_path)
    before, after = settings.load(shipped), settings.load(path)
    hosts = yaml.safe_load(added["intercept"])
    for section, names in hosts.items():
        assert getattr(after.intercept, section) == (*getattr(before.intercept, section), *names)
    was, became = before.model_dump(), after.model_dump()
    for section in hosts:
        became["intercept"][section] = was["intercept"][section]
    assert [team for team in became["teams"] if team not in was["teams"]] == list(BUDGETS)
    became["teams"] = was["teams"]
    assert became == was


def test_a_team_that_is_there_stays(tmp_path: Path) -> None:
    base = tmp_path / "mine.yaml"
    base.write_text("version: 1\nmode: enforce\nteams: {pilot: {models: ['gpt-5*']}, sales: {}}\n")
    path, added = policy_for(base, LAB, ORDERS, BUDGETS, tmp_path)
    assert list(added) == ["intercept"] and settings.load(path).teams == settings.load(base).teams


def test_a_wrong_policy_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "mine.yaml"
    base.write_text("version: 7\n")
    with pytest.raises(PolicyError):
        policy_for(base, LAB, ORDERS, {}, tmp_path)
