"""What a model costs and who says so."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from weir.usage.overrides import loads
from weir.usage.prices import Prices
from weir.usage.quotes import Quote, quotes

AT = datetime(2026, 8, 1, tzinfo=UTC)
OWN = """\
version: 1
prices:
  - {provider: openai, model: "gpt-5*", from: 2026-07-01, input: 1.10, output: 8.80, cache_read: 0.11}
  - {provider: house, model: llama-3, input: 0, output: 0, tiers: [{above: 200000, input: 2}]}
"""


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.load(overrides=loads(OWN, "own.yaml"))


def test_the_public_list_says_so(prices: Prices) -> None:
    (quote,) = quotes(prices, "gpt-4o", "openai", AT)
    assert (quote.input, quote.output, quote.cache_read) == (Decimal("2.5"), Decimal(10), Decimal("1.25"))
    assert quote.source == prices.public.name and quote.price_id == f"openai/gpt-4o@{quote.source}"


def test_tiers_and_what_weir_does_not_tell_apart(prices: Prices) -> None:
    (quote,) = quotes(prices, "claude-sonnet-4-5", "anthropic", AT)
    assert (quote.cache_write, quote.tiers[200_000]["output"]) == (Decimal("3.75"), Decimal("22.5"))
    assert "web_searches_kcount" in quote.other


def test_an_override_comes_first_and_names_its_line(prices: Prices) -> None:
    found = quotes(prices, "gpt-5-mini", at=AT)
    assert (found[0].provider, found[0].source, found[0].output) == ("openai", "override own.yaml:3", Decimal("8.8"))
    assert {quote.source for quote in found[1:]} == {prices.public.name}
    (before,) = quotes(prices, "gpt-5-mini", "openai", datetime(2026, 6, 1))
    assert before.source == prices.public.name


def test_a_model_of_ones_own(prices: Prices) -> None:
    (quote,) = quotes(prices, "llama-3", at=AT)
    assert (quote.provider, quote.input, quote.cache_read) == ("house", Decimal(0), None)
    assert quote.tiers == {200_000: {"input": Decimal(2)}}


def test_nobody_knows(prices: Prices) -> None:
    assert quotes(prices, "house-model-7", at=AT) == []
    assert quotes(prices, "house-model-7", "openai", AT) == [Quote("openai")]
    assert Quote("openai").source == Quote("openai").price_id == "unpriced"


def test_a_model_that_the_list_names_without_a_price_is_unpriced(prices: Prices) -> None:
    from weir.model import Usage

    assert quotes(prices, "qwen-3-coder-480b", "cerebras", AT) == [Quote("cerebras")]
    assert prices.cost("cerebras", "qwen-3-coder-480b", Usage(100, 100), AT).nano_usd is None


def test_what_is_shown_is_what_is_paid(prices: Prices) -> None:
    from weir.model import Usage

    for provider, model in (("openai", "gpt-5-mini"), ("openai", "gpt-4o"), ("groq", "llama-3.3-70b-versatile")):
        (quote,) = quotes(prices, model, provider, AT)
        cost = prices.cost(provider, model, Usage(1_000_000, 1_000_000), AT)
        assert quote.input is not None and quote.output is not None
        assert cost.nano_usd == (quote.input + quote.output) * 1_000_000_000
        assert cost.price_id == quote.price_id
