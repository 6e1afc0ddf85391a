"""The demo's policy is the shipped one, and no more than two hosts are ever added."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir import settings
from weir.demo.policy import policy_for
from weir.places import policy_path
from weir.yamlpos import PolicyError

LAB, ORDERS = "lab.example", "orders.example"


@pytest.mark.parametrize(
    ("intercept", "added"),
    [
        ("", {"include": LAB}),
        ("intercept: catalogued", {"include": LAB}),
        ("intercept: all", {"exclude": ORDERS}),
        ("intercept: {scope: all, exclude: [orders.example]}", {}),
        ("intercept: {include: [lab.example]}", {}),
        ("intercept: {include: ['*.example'], exclude: [other.example]}", {"exclude": ORDERS}),
        ("intercept: {sample: 5%}", {"include": LAB, "exclude": ORDERS}),
    ],
)
def test_policy_for(tmp_path: Path, intercept: str, added: dict[str, str]) -> None:
    base = tmp_path / "mine.yaml"
    base.write_text(f"version: 1\nmode: enforce\n{intercept}\n")
    path, what = policy_for(base, LAB, ORDERS, tmp_path)
    assert what == added
    assert (path == base) is (not added)
    assert policy_for(path, LAB, ORDERS, tmp_path) == (path, {})  # nothing is missing now


def test_all_else_is_as_shipped(tmp_path: Path) -> None:
    shipped = policy_path("enforce")
    path, added = policy_for(shipped, LAB, ORDERS, tmp_path)
    before, after = settings.load(shipped), settings.load(path)
    for section, host in added.items():
        assert getattr(after.intercept, section) == (*getattr(before.intercept, section), host)
    was, became = before.model_dump(), after.model_dump()
    for section in added:
        became["intercept"][section] = was["intercept"][section]
    assert became == was


def test_a_wrong_policy_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "mine.yaml"
    base.write_text("version: 7\n")
    with pytest.raises(PolicyError):
        policy_for(base, LAB, ORDERS, tmp_path)
