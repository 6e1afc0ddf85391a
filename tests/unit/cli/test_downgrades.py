"""Downgrades that cannot work: another maker's model, a model without a price under a budget in dollars."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.beside import doubts, refused
from weir.cli.downgrades import elsewhere, unpriced
from weir.settings import Settings, load


@pytest.fixture
def policy(tmp_path: Path):
    def make(text: str, prices: str = "") -> Settings:
        (tmp_path / "prices.yaml").write_text(f"version: 1\nprices:\n  - {prices}\n")
        (tmp_path / "p.yaml").write_text(f"version: 1\n{text}\n" + ("usage: {prices: prices.yaml}\n" if prices else ""))
        return load(tmp_path / "p.yaml")

    return make


def test_another_makers_model_is_refused_with_its_line(policy) -> None:
    settings = policy(
        "budgets:\n- usd: 1\n  per: day\n  downgrade:\n"
        "    gpt-5*: claude-haiku-4-5\n    claude-opus-4-1: claude-haiku-4-5"
    )
    (mistake,) = elsewhere(settings)
    assert (mistake.line, mistake.field) == (6, "budgets[0].downgrade.gpt-5*")
    assert "leads to a model of anthropic" in mistake.problem and "stays with openai" in mistake.problem
    assert mistake in refused(settings)


@pytest.mark.parametrize(
    "text",
    [
        "budgets: [{usd: 1, per: day, downgrade: {gpt-5: gpt-5-mini}}]",
        "budgets: [{tokens: 1, per: day, downgrade: {my-model: my-small-model, gpt-5: my-model}}]",
        'teams: {a: {budget: {usd: 1, per: day, downgrade: {"*": gpt-5-nano}}}}',
        "budgets: [{usd: 1, per: day, services: [openrouter], downgrade: {openai/gpt-5: anthropic/claude-haiku-4.5}}]",
        "budgets: [{usd: 1, per: day}]",
    ],
)
def test_what_may_work_is_let_be(policy, text: str) -> None:
    assert elsewhere(policy(text)) == ()


def test_a_model_without_a_price_is_doubtful(policy) -> None:
    text = "teams:\n a:\n  budget:\n  - {usd: 1, per: day, downgrade: {gpt-5: house-model}}\n  - {tokens: 1, per: day}"
    (mistake,) = unpriced(policy(text))
    assert (mistake.line, mistake.field) == (5, "teams.a.budget[0].downgrade.gpt-5")
    assert mistake in doubts(policy(text))
    priced = "{provider: openai, model: 'house-*', input: 1, output: 2}"
    assert unpriced(policy(text, priced)) == ()
    assert unpriced(policy(text.replace("per: day, down", "per: day, unpriced: allow, down"))) == ()
