"""Vetted price lists: what is taken, what is refused, which one is in force."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from weir.model import Usage
from weir.usage.prices import Prices
from weir.usage.snapshots import PriceListError, bundled, compare, keep, newest, parse

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def price_list(input_mtok: Any = 3, model: str = "gpt-4o") -> bytes:
    """A list as genai-prices publishes them, with one model."""
    prices = {"input_mtok": input_mtok, "output_mtok": 11}
    entry = {"id": model, "match": {"equals": model}, "prices": prices}
    provider = {"id": "openai", "name": "OpenAI", "api_pattern": r"https://api\.openai\.com", "models": [entry]}
    return json.dumps([provider]).encode()


def test_a_list_is_kept_and_in_force(tmp_path: Path) -> None:
    path, found = keep(tmp_path / "prices", price_list(), AT)
    assert (path.name[:17], found.models) == ("2026-11-21T083000", 1)
    in_force = newest(tmp_path / "prices")
    assert in_force is not None and in_force.name == found.name
    assert in_force.name == f"genai-prices-2026-11-21-{path.stem[-8:]}"
    prices = Prices.load(folder=tmp_path / "prices")
    cost = prices.cost("openai", "gpt-4o", Usage(1000, 100), AT)
    assert (cost.nano_usd, cost.price_id) == (1000 * 3000 + 100 * 11_000, f"openai/gpt-4o@{in_force.name}")
    assert prices.cost("anthropic", "claude-sonnet-4-5", Usage(1, 1), AT).price_id == "unpriced"


def test_the_newest_holds_and_its_going_brings_the_one_before_back(tmp_path: Path) -> None:
    _, first = keep(tmp_path, price_list(), AT)
    path, second = keep(tmp_path, price_list(4), AT.replace(hour=9))
    held = newest(tmp_path)
    assert held is not None and held.name == second.name
    path.unlink()
    held = newest(tmp_path)
    assert held is not None and held.name == first.name


def test_without_one_the_bundled_list_holds(tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text("[]")
    assert newest(tmp_path) is None
    assert Prices.load(folder=tmp_path).public.name == bundled().name
    assert Prices.load(folder=tmp_path / "nowhere").public.models > 2000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"{}", "is not a list of providers"),
        (b"[]", "is not a list of providers"),
        (b"[1]", "is not a price list"),
        (b'[{"id": "x"}]', "is not a price list"),
        (price_list("much"), "is not a price list"),
        (price_list(-1), "is no price"),
        (price_list({"base": 1, "tiers": [{"start": 5, "price": -2}]}), "is no price"),
        (price_list("NaN"), "price"),
        (json.dumps(json.loads(price_list()) * 2).encode(), "names a provider twice"),
        (b'[{"id": "x", "name": "X", "api_pattern": "x", "models": []}]', "prices no model"),
    ],
)
def test_what_is_no_price_list_is_refused(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(PriceListError, match=said) as caught:
        keep(tmp_path / "prices", data, AT)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "prices").exists()


def test_a_list_that_was_changed_afterwards_is_refused_not_passed_over(tmp_path: Path) -> None:
    path, _ = keep(tmp_path, price_list(), AT)
    path.write_bytes(price_list(0))
    with pytest.raises(PriceListError, match="was changed since"):
        Prices.load(folder=tmp_path)


def test_compare_counts_models() -> None:
    old, new = parse(price_list(), "old"), parse(price_list(4), "new")
    assert (compare(old, new).added, compare(old, new).removed, compare(old, new).changed) == (0, 0, 1)
    other = parse(price_list(model="gpt-7"), "other")
    assert (compare(old, other).added, compare(old, other).removed, compare(old, other).changed) == (1, 1, 0)


def test_the_library_still_reads_lists_the_way_we_ask_it_to() -> None:
    from genai_prices import types

    assert callable(types._providers_from_raw)
    assert bundled().name.startswith("genai-prices-0.")
