from datetime import UTC, datetime

import pytest

from weir.model import Cost, Usage
from weir.usage.prices import Prices
from weir.usage.savings import cache_saved

AT = datetime(2026, 3, 1, tzinfo=UTC)
SONNET = ("anthropic", "claude-sonnet-4-20250514")  # $3 a million tokens, cache read $0.30, cache write $3.75


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.load(warm=True)


@pytest.mark.parametrize(
    ("usage", "saved"),
    [
        (Usage(10_000, 200, cache_read_tokens=7000), 7000 * 2700),
        (Usage(10_000, 200, cache_write_tokens=2000), -2000 * 750),
        (Usage(10_000, 200, cache_read_tokens=7000, cache_write_tokens=2000), 7000 * 2700 - 2000 * 750),
        (Usage(0, 200, cache_read_tokens=7000), 7000 * 2700),
        (Usage(10_000, 200), None),
        # An hour's cache costs $6 to write.
        (Usage(5000, 1, cache_write_tokens=2000, parts=(("cache_write_1h_tokens", 2000),)), -2000 * 3000),
    ],
)
def test_it_is_the_difference_to_a_prompt_that_is_all_new(prices: Prices, usage: Usage, saved: int | None) -> None:
    cost = prices.cost(*SONNET, usage, AT)
    assert cache_saved(prices, SONNET[0], ("", "unknown-model", SONNET[1]), usage, cost, AT) == saved


@pytest.mark.parametrize("cost", [None, Cost(), Cost(5, "some/other@price")])
def test_what_was_paid_otherwise_is_not_guessed(prices: Prices, cost: Cost | None) -> None:
    assert cache_saved(prices, SONNET[0], SONNET[1:], Usage(10, 1, cache_read_tokens=5), cost, AT) is None
