"""Prices against figures computed by hand from the vendors' lists."""

import random
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from weir.model import Cost, Usage
from weir.usage.overrides import loads
from weir.usage.prices import Prices

AT = datetime(2026, 3, 1, tzinfo=UTC)
TIERED = datetime(2026, 11, 1, tzinfo=UTC)
USD = 1_000_000_000  # nano-dollars


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices.load(warm=True)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "nano"),
    [
        # $2.50 and $10 a million tokens; cached input $1.25
        ("openai", "gpt-4o", Usage(1000, 500), 1000 * 2500 + 500 * 10_000),
        ("openai", "gpt-4o", Usage(1000, 500, cache_read_tokens=400), 600 * 2500 + 400 * 1250 + 500 * 10_000),
        # $0.15, $0.60, cached $0.075
        ("openai", "gpt-4o-mini", Usage(1_000_000, 0), 150_000_000),
        ("openai", "gpt-4o-mini-2024-07-18", Usage(2000, 100, cache_read_tokens=2000), 2000 * 75 + 100 * 600),
        # $3, $15, cache read $0.30, cache write $3.75: input_tokens holds all three kinds
        (
            "anthropic",
            "claude-sonnet-4-20250514",
            Usage(10_000, 200, cache_read_tokens=7000, cache_write_tokens=2000),
            1000 * 3000 + 7000 * 300 + 2000 * 3750 + 200 * 15_000,
        ),
        # $0.30, $2.50, cached $0.03; reasoning is part of the output and not paid twice
        (
            "google-gemini",
            "gemini-2.5-flash",
            Usage(1000, 300, cache_read_tokens=500, reasoning_tokens=250),
            500 * 300 + 500 * 30 + 300 * 2500,
        ),
        ("openai", "gpt-4o", Usage(), 0),
    ],
)
def test_cost_is_what_the_price_list_says(prices: Prices, provider: str, model: str, usage: Usage, nano: int) -> None:
    cost = prices.cost(provider, model, usage, AT)
    assert cost.nano_usd == nano
    assert isinstance(cost.nano_usd, int)


def test_the_price_id_names_provider_model_and_snapshot(prices: Prices) -> None:
    provider, _, rest = prices.cost("openai", "gpt-4o-2024-08-06", Usage(1, 1), AT).price_id.partition("/")
    model, _, snapshot = rest.partition("@")
    assert (provider, model) == ("openai", "gpt-4o")
    assert snapshot.startswith("genai-prices-0.")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "house-model-7"),
        ("no-such-provider", "gpt-4o"),
        ("open", "gpt-4o"),
        ("", "gpt-4o"),
        ("openai", ""),
        ("openai", "g" * 10_000),
    ],
)
def test_unknown_is_unpriced_and_never_free(prices: Prices, provider: str, model: str) -> None:
    for _ in range(2):
        assert prices.cost(provider, model, Usage(1000, 1000), AT) == Cost(None, "unpriced")


@pytest.mark.parametrize(
    ("provider", "model", "theirs"),
    [
        ("azure-openai", "gpt-4o", "azure"),
        ("google-gemini", "gemini-2.0-flash", "google"),
        ("xai", "grok-4", "x-ai"),
        ("mistral", "mistral-large-latest", "mistral"),
        ("deepseek", "deepseek-chat", "deepseek"),
        ("groq", "llama-3.3-70b-versatile", "groq"),
        ("openrouter", "openai/gpt-4o-mini", "openrouter"),
    ],
)
def test_weirs_provider_ids_find_their_prices(prices: Prices, provider: str, model: str, theirs: str) -> None:
    cost = prices.cost(provider, model, Usage(1000, 1000), AT)
    assert cost.nano_usd
    assert cost.price_id.startswith(f"{theirs}/")


def test_every_mapped_provider_exists() -> None:
    from genai_prices.data_snapshot import get_snapshot

    known = {p.id for p in get_snapshot().providers}
    assert set(Prices.load()._ids.values()) <= known


def test_a_report_below_its_own_cache_tokens_is_mended(prices: Prices) -> None:
    usage = Usage(10, 0, cache_read_tokens=100, cache_write_tokens=50)
    assert prices.cost("anthropic", "claude-sonnet-4-20250514", usage, AT).nano_usd == 100 * 300 + 50 * 3750


def test_the_operators_own_price_holds_on_its_days() -> None:
    own = loads(
        """\
version: 1
prices:
  - {provider: openai, model: gpt-4o, from: 2026-03-01, until: 2026-03-01, input: 1, output: 2, cache_read: 0.5}
  - {provider: house, model: "*", input: 0, output: 0}
"""
    )
    prices, usage = Prices.load(overrides=own), Usage(1000, 100, cache_read_tokens=400)
    for _ in range(2):
        cost = prices.cost("openai", "gpt-4o", usage, AT)
        assert cost.nano_usd == 600 * 1000 + 400 * 500 + 100 * 2000
        assert cost.price_id.startswith("override/openai/gpt-4o@2026-03-01#")
        assert prices.cost("openai", "gpt-4o", usage, datetime(2026, 3, 2)).price_id.startswith("openai/gpt-4o@genai")
        assert prices.cost("house", "x", usage, AT) == Cost(0, own.entries[1].id)
    assert prices.cost("house", "m" * 10_000, usage, AT) == Cost()


def test_what_is_remembered_of_ones_own_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.usage.prices._KNOWN", 8)
    own = Prices.load(overrides=loads('version: 1\nprices: [{provider: house, model: "*", input: 1, output: 1}]'))
    for i in range(50):
        assert own.cost("house", f"made-up-{i}", Usage(1, 1), AT).nano_usd == 2000
    assert len(own._own) <= 8


def test_negative_counts_cost_nothing(prices: Prices) -> None:
    assert prices.cost("openai", "gpt-4o", Usage(-5, -5), AT).nano_usd == 0


def test_a_time_without_zone_is_utc(prices: Prices) -> None:
    naive = datetime(2026, 3, 1)
    assert prices.cost("openai", "gpt-4o", Usage(7, 7), naive) == prices.cost("openai", "gpt-4o", Usage(7, 7), AT)


def test_what_is_remembered_has_an_end(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.usage.prices._KNOWN", 8)
    for i in range(50):
        prices.cost("openai", f"made-up-{i}", Usage(1, 1), AT)
    assert len(prices._found) <= 8
    assert prices.cost("openai", "gpt-4o", Usage(1, 0), AT).nano_usd == 2500


def test_the_price_list_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; from weir.usage.prices import Prices; Prices.load();"
        "sys.exit('genai_prices' in sys.modules or 'tiktoken' in sys.modules)"
    )
    import weir

    root = str(__import__("pathlib").Path(weir.__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root}, timeout=60).returncode == 0


def test_our_arithmetic_is_the_librarys_for_every_model_it_prices() -> None:
    from genai_prices.data_snapshot import get_snapshot

    from weir.usage import prices as module

    prices, chance = Prices.load(warm=True), random.Random(7)
    ours = compared = steps = 0
    for provider in get_snapshot().providers:
        for info in provider.models:
            standard = info.get_prices(AT)
            tiers = [tier.start for price in vars(standard).values() for tier in getattr(price, "tiers", ())]
            read, write = chance.randrange(5000), chance.randrange(5000)
            # Below, at and above each length at which a price changes.
            longs = (start + more for start in set(tiers) for more in (-1, 0, 1))
            for whole in (read + write + chance.randrange(300_000), *longs):
                counts = (max(whole, read + write), read, write, chance.randrange(9000))
                rates = prices._rates_of(standard, counts[0])
                compared += 1
                steps += len(tiers) > 0
                if rates is not None:
                    ours += 1
                    assert rates.price(*counts) == module._price(provider, info, AT, *counts), (provider.id, info.id)
    assert compared > 2000 and ours > compared * 0.8 and steps > 100


@pytest.mark.parametrize(
    ("model", "usage", "nano"),
    [
        # text $4 and $16, cached $0.40; sound $32 and $64, cached $0.40
        (
            "gpt-realtime",
            Usage(100, 50, cache_read_tokens=20, parts=(("input_audio_tokens", 60), ("output_audio_tokens", 40))),
            20 * 4000 + 20 * 400 + 60 * 32_000 + 10 * 16_000 + 40 * 64_000,
        ),
        # more sound than there are tokens is no more than all of them
        ("gpt-realtime", Usage(10, 0, parts=(("input_audio_tokens", 60),)), 10 * 32_000),
        ("gpt-image-1", Usage(100, 0, parts=(("input_image_tokens", 40),)), 60 * 5000 + 40 * 10_000),
        ("whisper-1", Usage(parts=(("audio_ms", 1500),)), 1500 * 100),  # $0.36 an hour
        ("tts-1", Usage(parts=(("input_characters", 10),)), 150_000),  # $15 a million
        ("gpt-4o", Usage(1000, 0, tier="batch"), 1000 * 1250),
        ("gpt-5", Usage(1000, 100, tier="priority"), 1000 * 2500 + 100 * 20_000),
        ("gpt-4o", Usage(1000, 0, tier="unheard-of"), 1000 * 2500),
        ("gpt-4o", Usage(1000, 0, parts=(("input_audio_tokens", 500),)), 1000 * 2500),
    ],
)
def test_what_has_a_price_of_its_own(prices: Prices, model: str, usage: Usage, nano: int) -> None:
    assert prices.cost("openai", model, usage, TIERED).nano_usd == nano


def test_an_hour_in_the_cache_costs_more_and_searches_cost_too(prices: Prices) -> None:
    usage = Usage(1000, 0, cache_write_tokens=1000, parts=(("cache_write_1h_tokens", 600), ("web_searches", 2)))
    assert prices.cost("anthropic", "claude-opus-4-8", usage, AT).nano_usd == 400 * 6250 + 600 * 10_000 + 20_000_000


def test_a_tier_is_named_where_it_has_a_price(prices: Prices) -> None:
    assert prices.cost("openai", "gpt-4o", Usage(1, tier="batch"), TIERED).price_id.startswith("openai/gpt-4o+batch@")
    # The list knows these prices from some day on; before it, the usual one holds.
    for tier, at in (("unheard-of", TIERED), ("batch", AT)):
        assert prices.cost("openai", "gpt-4o", Usage(1, tier=tier), at).price_id.startswith("openai/gpt-4o@")


def test_tokens_of_a_model_that_is_paid_otherwise_are_unpriced(prices: Prices) -> None:
    for usage in (Usage(100, 10), Usage(parts=(("input_characters", 5),))):
        assert prices.cost("openai", "whisper-1", usage, AT) == Cost(None, "unpriced")
    assert prices.cost("openai", "gpt-4o-mini-tts", Usage(parts=(("input_characters", 5),)), AT).nano_usd is None
