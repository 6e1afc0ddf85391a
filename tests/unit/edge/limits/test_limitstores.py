"""Where limits are counted, by the policy's references."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.datadir import DataDir, write_private
from weir.edge.limits.limitstores import address, ledger_file, plan_for
from weir.settings import loads

LIMIT = "version: 1\nrates: [{requests: 1}]\n"


def test_a_policy_without_limits_has_no_plan(tmp_path: Path) -> None:
    assert plan_for(loads("version: 1"), DataDir(tmp_path / "d")) is None
    for text in ("budgets: [{usd: 1, per: day}]", "teams: {a: {budget: {usd: 1, per: day}}}", "rates: [{requests: 1}]"):
        assert plan_for(loads(f"version: 1\n{text}"), DataDir(tmp_path / "d")) is not None


def test_on_this_machine_unless_the_policy_says_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_for(loads(LIMIT), DataDir(tmp_path / "d"))
    assert plan is not None and (plan.ledger, plan.redis) == (ledger_file(tmp_path / "d"), "memory://")
    write_private(tmp_path / "url", b"postgresql://u:p@h/d\n")
    monkeypatch.setenv("WEIR_TEST_REDIS", "redis://h:1/0")
    stores = f'stores: {{budgets: "file:{tmp_path / "url"}", rates: "env:WEIR_TEST_REDIS"}}'
    plan = plan_for(loads(LIMIT + stores), DataDir(tmp_path / "d"))
    assert plan is not None and (plan.ledger, plan.redis) == ("postgresql://u:p@h/d", "redis://h:1/0")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "stores.budgets: the environment variable WEIR_TEST_URL"),
        ("mysql://u:hidden@h/d", "stores.budgets: what the reference yields is no postgresql:// URL"),
        ("two words", "stores.budgets: what env: yields cannot stand in a header"),
    ],
)
def test_a_reference_that_yields_nothing_usable(value: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIR_TEST_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("WEIR_TEST_URL", value)
    with pytest.raises(ValueError, match=r"^stores") as caught:
        address(loads('version: 1\nstores: {budgets: "env:WEIR_TEST_URL"}'), "budgets")
    assert str(caught.value).startswith(said) and "hidden" not in str(caught.value)
