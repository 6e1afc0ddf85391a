"""The rules of the specification: a table that keeps them, and every way to break one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weir.reports.focus_columns import COLUMNS, MANDATORY, violations
from weir.reports.table import Table

NAMES = tuple(column.name for column in COLUMNS)
GOOD: dict[str, str | None] = {
    "BilledCost": "0", "BillingAccountId": "weir", "BillingCurrency": "USD", "BillingPeriodEnd": "2026-02-01T00:00:00Z",
    "BillingPeriodStart": "2026-01-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-01-03T00:00:00Z", "ChargePeriodStart": "2026-01-02T00:00:00Z", "ConsumedQuantity": "1000",
    "ConsumedUnit": "Tokens", "ContractedCost": "0.0025", "ContractedUnitPrice": "0.0000025", "EffectiveCost": "0.0025",
    "HostProviderName": "openai", "InvoiceIssuerName": "openai", "ListCost": "0.0025", "ListUnitPrice": "0.0000025",
    "PricingQuantity": "1000", "PricingUnit": "Tokens", "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "openai", "ServiceProviderName": "openai", "ServiceSubcategory": "Generative AI",
    "SkuId": "openai/gpt-5", "SkuPriceId": "p", "Tags": '{"team": "finance"}', "x_CacheReadTokens": "0",
    "x_CacheWriteTokens": "0", "x_EstimatedTokens": "0", "x_Exchanges": "1", "x_InputTokens": "1000",
    "x_OutputTokens": "0", "x_Unpriced": "false",
}  # fmt: skip


def table(**changed: str | None) -> Table:
    row = {**GOOD, **changed}
    return Table("", NAMES, (tuple(row.get(name) for name in NAMES),))


def test_a_row_that_keeps_the_rules() -> None:
    assert violations(table()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"BilledCost": None}, "BilledCost is null"),
        ({"BilledCost": "1e-9"}, "BilledCost is no Decimal"),
        ({"BilledCost": "1,5"}, "BilledCost is no Decimal"),
        ({"x_Exchanges": "+1"}, "x_Exchanges is no Decimal"),
        ({"ChargePeriodEnd": "2026-01-03"}, "ChargePeriodEnd is no DateTime"),
        ({"ChargePeriodEnd": "2026-01-03T00:00:00.000Z"}, "ChargePeriodEnd is no DateTime"),
        ({"ChargeCategory": "Tokens"}, "ChargeCategory has a value that is not allowed"),
        ({"ServiceSubcategory": "Chat"}, "ServiceSubcategory has a value that is not allowed"),
        ({"Tags": "{team}"}, "Tags is no JSON object"),
        ({"ServiceName": ""}, "ServiceName is no String"),
        ({"BillingCurrency": "usd"}, "BillingCurrency is no ISO 4217 code"),
        ({"ChargePeriodEnd": "2026-01-01T00:00:00Z"}, "does not end after"),
        ({"ChargePeriodEnd": "2026-02-02T00:00:00Z"}, "not inside the billing period"),
        ({"ListCost": "0.0026"}, "ListCost is not ListUnitPrice times PricingQuantity"),
        ({"ContractedUnitPrice": None}, "ContractedCost differs from BilledCost"),
        ({"ListUnitPrice": None, "ListCost": "0"}, "ListUnitPrice and SkuPriceId are not null together"),
        (
            dict.fromkeys(
                ("SkuPriceId", "PricingQuantity", "ConsumedQuantity", "ListUnitPrice", "PricingUnit", "ConsumedUnit")
            ),
            "SkuPriceId is null for usage that has a price",
        ),
        ({"SkuPriceId": None}, "SkuPriceId are not null together"),
        ({"SkuId": None, "SkuMeter": "Tokens"}, "SkuMeter without SkuId"),
        ({"x_Unpriced": "true"}, "an unpriced row has a cost"),
    ],
)
def test_a_broken_rule_is_named(changed: dict[str, str | None], said: str) -> None:
    found = violations(table(**changed))
    assert any(said in line and line.startswith("row 1: ") for line in found), found


def test_columns_stand_in_their_order_custom_ones_last() -> None:
    ours = [name for name in NAMES if not name.startswith("x_")]
    assert ours == sorted(ours) and NAMES[: len(ours)] == tuple(ours)
    assert len(MANDATORY) == 21
    good = table()
    assert violations(replace(good, columns=NAMES[1:]))[0].startswith("columns: missing ['BilledCost']")
    assert violations(replace(good, columns=NAMES[::-1]))
