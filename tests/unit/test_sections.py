"""The sections of a policy: what an empty one means."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from weir.sections import Budget, Dlp, Intercept, Key, Limits, Rate, Stores, open_intercept


def test_an_empty_section_is_the_careful_default() -> None:
    dlp = Dlp()
    assert dlp.entities is None and dlp.packs == () and not dlp.pseudonyms.keep and dlp.files.depth_max == 3
    assert Limits().body_bytes_max == 32 << 20


def test_one_word_stands_for_the_scope() -> None:
    assert open_intercept("all") == {"scope": "all"} and open_intercept({"sample": 1}) == {"sample": 1}
    assert Intercept.model_validate(open_intercept("all")).scope == "all"


def test_an_unknown_key_is_a_mistake_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        Dlp.model_validate({"pack": ["canary-value"]})
    assert "canary-value" not in str(caught.value)


@pytest.mark.parametrize(
    ("usd", "nano"), [(500, 500 * 10**9), (0.1, 10**8), (0.000000001, 1), (1e9, 10**18), (1234567.89, 1234567890000000)]
)
def test_dollars_are_exact(usd: float, nano: int) -> None:
    assert Budget.model_validate({"usd": usd, "per": "month"}).usd == nano


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "needs one amount"),
        ({"usd": 1, "tokens": 1}, "needs one amount"),
        ({"usd": 0}, "out of bounds"),
        ({"usd": -1}, "out of bounds"),
        ({"usd": 1e-10}, "out of bounds"),
        ({"usd": float("inf")}, "out of bounds"),
        ({"usd": float("nan")}, "out of bounds"),
        ({"usd": True}, "not an amount"),
        ({"usd": "5"}, "not an amount"),
        ({"tokens": 0}, "out of bounds"),
        ({"usd": 1, "per": "year"}, "not a word"),
        ({"usd": 1, "scope": "teams"}, "not a word"),
        ({"usd": 1, "warn_at": 0.8}, "not a percentage"),
    ],
)
def test_budgets_that_make_no_sense(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Budget.model_validate({"per": "day", **fields})


def test_a_rate_limits_something_and_stores_are_references() -> None:
    with pytest.raises(ValidationError, match="limits nothing"):
        Rate.model_validate({"scope": "user"})
    with pytest.raises(ValidationError, match="not a reference") as caught:
        Stores.model_validate({"budgets": "postgresql://u:canary-value@h/d"})
    assert "canary-value" not in str(caught.value)
    assert Stores().budgets is None and Stores(budgets="env:LEDGER_URL").budgets == "env:LEDGER_URL"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "where the key is"),
        ({"secret": "env:A", "secrets": [{"secret": "env:B"}]}, "both secret and secrets"),
        ({"secrets": []}, "where the key is"),
        ({"secrets": [{"secret": "env:A"}, {"secret": "env:A", "weight": 2}]}, "names one key twice"),
        ({"secrets": [{"secret": "env:A", "weight": 0}]}, "out of bounds"),
        ({"secret": "env:A", "form": "gcp"}, "not a word"),
        ({"secret": "env:A", "refresh_s": 29}, "out of bounds"),
        ({"secret": "env:A", "keep_h": 169}, "out of bounds"),
    ],
)
def test_keys_that_make_no_sense(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Key.model_validate(fields)


def test_a_key_is_one_or_several() -> None:
    assert Key.model_validate({"secret": "env:A"}).entries == (("env:A", 1),)
    several = Key.model_validate({"secrets": [{"secret": "env:A", "weight": 3}, {"secret": "env:B"}]})
    assert several.entries == (("env:A", 3), ("env:B", 1))
    assert (several.form, several.refresh_s, several.keep_h) == ("key", 300, 24)
