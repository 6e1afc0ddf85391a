"""The operator's own prices: which entry holds, what it says, and where a mistake in the file is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from weir.usage.overrides import NOTHING, Overrides, PriceFileError, load, loads

FILE = """\
version: 1
prices:
  - provider: openai
    model: "gpt-5*"
    from: 2026-07-01
    until: 2026-12-31
    input: 1.10
    output: 8.80
    cache_read: 0.11
    note: contract of the summer
  - {provider: [house, lab-*], model: [Llama-*, qwen3], input: 0, output: 0.4, tiers: [{above: 1000, output: 0.8},
     {above: 2000, input: 2, cache_write: 3}]}
  - {provider: "*", model: gpt-5-nano, input: 9, output: 9}
"""


@pytest.fixture
def prices() -> Overrides:
    return loads(FILE)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("provider", "model", "moment", "line"),
    [
        ("openai", "gpt-5-mini", "2026-07-01", 3),
        ("openai", "GPT-5", "2026-12-31T23:59:59", 3),
        ("openai", "gpt-5-mini", "2026-06-30T23:59:59", None),
        ("openai", "gpt-5-mini", "2027-01-01", None),
        ("openai", "gpt-5-nano", "2026-08-01", 3),
        ("openai", "gpt-5-nano", "2027-01-01", 13),
        ("house", "llama-3.3-70b", "2020-01-01", 11),
        ("LAB-2", "qwen3", "2020-01-01", 11),
        ("house", "qwen3-coder", "2020-01-01", None),
        ("mistral", "gpt-4o", "2026-08-01", None),
    ],
)
def test_the_first_entry_that_fits_holds(
    prices: Overrides, provider: str, model: str, moment: str, line: int | None
) -> None:
    found = prices.find(provider, model, at(moment))
    assert (found[1] if found else None) == line


def test_days_are_utc(prices: Overrides) -> None:
    late = datetime(2026, 7, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert prices.find("openai", "gpt-5", late) is None


def test_rates_are_what_was_written_to_the_last_digit(prices: Overrides) -> None:
    rates = prices.entries[0].rates()
    assert (rates.plain, rates.output, rates.cache_read) == (Decimal("1.1"), Decimal("8.8"), Decimal("0.11"))
    assert rates.cache_write == rates.plain, "a kind without a price of its own costs what input costs"


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1000, ("0", "0.4", "0")), (1001, ("0", "0.8", "0")), (2001, ("2", "0.4", "3"))]
)
def test_a_tier_holds_for_the_whole_exchange(prices: Overrides, tokens: int, expected: tuple[str, ...]) -> None:
    rates = prices.entries[1].rates(tokens)
    assert (rates.plain, rates.output, rates.cache_write) == tuple(map(Decimal, expected))


def test_an_id_names_patterns_and_day_and_changes_with_the_price_alone() -> None:
    entry = loads(FILE).entries[0]
    assert entry.id.startswith("override/openai/gpt-5*@2026-07-01#")
    assert loads(FILE.replace("summer", "winter")).entries[0].id == entry.id
    assert loads(FILE.replace("8.80", "8.81")).entries[0].id != entry.id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices: []", ["1: version: is missing"]),
        ("version: 2", ["1: version: is not a version"]),
        (FILE.replace("1.10", '"1.10"'), ["7: prices[0].input: is not a price"]),
        (FILE.replace("8.80", "-1"), ["8: prices[0].output: is out of bounds"]),
        (FILE.replace("8.80", "2000000"), ["8: prices[0].output: is out of bounds"]),
        (FILE.replace("8.80", "true"), ["8: prices[0].output: is not a price"]),
        (FILE.replace("    output: 8.80\n", ""), ["3: prices[0].output: is missing"]),
        (FILE.replace("2026-07-01", "2026-07-32"), ["5: prices[0].from: is not a date"]),
        (FILE.replace("2026-07-01", "2027-07-01"), ["6: prices[0].until: is before the day it begins"]),
        (FILE.replace('model: "gpt', 'modell: "gpt'), ["3: prices[0].model: is missing", "4: prices[0].modell"]),
        (FILE.replace("above: 2000", "above: 500"), ["12: prices[1].tiers[1]: is not above"]),
        (FILE.replace("version: 1", "version: 1\nextra: 1"), ["2: extra: is not known here"]),
        ("version: 1\nprices: [", ["is not YAML"]),
        ("version: 1\nprices: 7", ["2: prices: must be a list"]),
        ("- 1", ["1: must be a mapping"]),
    ],
)
def test_every_mistake_has_its_line(text: str, said: list[str]) -> None:
    with pytest.raises(PriceFileError) as caught:
        loads(text, "p.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == len(said)
    for line, part in zip(lines, said, strict=True):
        assert line.startswith("p.yaml:") and part in line and "; " in line


def test_two_prices_for_one_day_are_a_mistake_and_neighbours_are_none() -> None:
    two = """\
version: 1
prices:
  - {provider: openai, model: gpt-5, until: 2026-06-30, input: 1, output: 1}
  - {provider: openai, model: gpt-5, from: 2026-07-01, input: 2, output: 2}
"""
    assert len(loads(two).entries) == 2
    with pytest.raises(PriceFileError, match=r":4: prices\[1\]: has days that line 3 has taken"):
        loads(two.replace("07-01", "06-30"))


def test_values_are_never_quoted() -> None:
    with pytest.raises(PriceFileError) as caught:
        loads("version: 1\nprices:\n - {provider: x, model: y, input: hunter2-hunter2, output: 1}")
    assert "hunter2" not in str(caught.value)


def test_a_file_is_read_and_a_missing_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(FILE)
    assert load(path).file == str(path)
    with pytest.raises(PriceFileError, match="cannot be read"):
        load(tmp_path / "nowhere.yaml")


def test_nothing_overrides_nothing() -> None:
    assert NOTHING.find("openai", "gpt-5", datetime.now(UTC)) is None
    assert loads("version: 1").entries == ()
