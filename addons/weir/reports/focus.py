"""Spend as a FOCUS 1.4 Cost and Usage dataset: the FinOps Open Cost and Usage Specification, for cost tools.

A row is a day's use of a model at one price, by team, app and user. weir issues no invoices, so ``BilledCost`` is 0 in
every row (the specification's rule against counting a charge twice beside the provider's own dataset) and the money is
in ``EffectiveCost``. Where the specification asks for what weir can't know, this is what stands there:

- A row without a price says ``x_Unpriced``. Its SKU, its quantities and unit prices are null, its tokens stand in the
  ``x_`` columns; its costs are 0 because null is not allowed there, not because it was free.
- Unit prices are blended over input, output and cache, and a contract price stands for the list price too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import duckdb

from weir.reports.focus_columns import COLUMNS
from weir.reports.spend import BY, COUNTED
from weir.reports.table import Table, moment

__all__ = ["WHO", "run_focus"]

WHO = ("team", "app", "user")  # what rows are split by, and named in Tags
_LIST = re.compile("[@#]")
_NANO = Decimal(1_000_000_000)
_UNIT_PRICE = Decimal(1).scaleb(-24)  # unit prices are blended, so they have no end: this many places make sums exact


def run_focus(connection: duckdb.DuckDBPyConnection, since: datetime | None, by: str = "") -> Table:
    """The dataset: one column for each of COLUMNS, every cell a str or None.

    With ``by`` (a key of spend's BY) rows are split by that one of WHO only, or by none of them. Raises ValueError for
    another ``by``.
    """
    if by and by not in BY:
        raise ValueError(f"spend goes by {', '.join(BY)}")
    who = [name for name in WHO if not by or name == by]
    names = ", ".join(f"{BY[name] if name in who else 'NULL'} AS {name}_" for name in WHO)
    query = f"""
        SELECT started::DATE AS day, coalesce(service, 'unknown') AS service, coalesce(provider, service, 'unknown')
            AS provider, {BY["model"]} AS model, {names},
            CASE WHEN cost_nano IS NULL THEN NULL ELSE price_id END AS price,
            cost_nano IS NULL AS unpriced, count(*) AS exchanges,
            coalesce(sum(input_tokens), 0)::HUGEINT AS input, coalesce(sum(output_tokens), 0)::HUGEINT AS output,
            coalesce(sum(cache_read_tokens), 0)::HUGEINT AS read, coalesce(sum(cache_write_tokens), 0)::HUGEINT AS
            write, coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))
                FILTER (usage_source = 'estimated'), 0)::HUGEINT AS estimated,
            coalesce(sum(cost_nano), 0)::HUGEINT AS nano
        FROM exchanges WHERE started >= ? AND {COUNTED}
        GROUP BY ALL ORDER BY ALL"""
    result = connection.execute(query, [moment(since)])
    heads = [column[0] for column in result.description or []]
    rows = [_row(dict(zip(heads, row, strict=True))) for row in result.fetchall()]
    return Table("", tuple(c.name for c in COLUMNS), tuple(tuple(row.get(c.name) for c in COLUMNS) for row in rows))


def _row(found: Mapping[str, Any]) -> dict[str, str | None]:
    day, model = found["day"], found["model"] or "unknown"
    tags = {name: found[f"{name}_"] for name in WHO if found[f"{name}_"]}
    cost = Decimal(int(found["nano"])) / _NANO
    tokens = int(found["input"]) + int(found["output"])
    # What costs money without having tokens is priced by the request.
    quantity, unit = (tokens, "Tokens") if tokens or not cost else (int(found["exchanges"]), "Requests")
    unpriced = bool(found["unpriced"])
    price = None if unpriced else _number(_unit_price(cost, quantity))
    # A SKU outlives the list that named its price: without that list's name, which x_PriceId has.
    sku = None if unpriced else _LIST.split(found["price"] or f"{found['service']}/{model}")[0]
    what = f"{model} at {found['service']}, {found['exchanges']} exchange{'s' * (found['exchanges'] != 1)}"
    return {
        "BilledCost": "0",
        "BillingAccountId": "weir",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _moment(_month_after(day)),
        "BillingPeriodStart": _moment(day.replace(day=1)),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{what}, no price known" if unpriced else what,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _moment(day + timedelta(days=1)),
        "ChargePeriodStart": _moment(day),
        "ConsumedQuantity": None if unpriced else str(quantity),
        "ConsumedUnit": None if unpriced else unit,
        "ContractedCost": _number(cost),
        "ContractedUnitPrice": price,
        "EffectiveCost": _number(cost),
        "HostProviderName": found["provider"],
        "InvoiceIssuerName": found["provider"],
        "ListCost": _number(cost),
        "ListUnitPrice": price,
        "PricingQuantity": None if unpriced else str(quantity),
        "PricingUnit": None if unpriced else unit,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": found["service"],
        "ServiceProviderName": found["provider"],
        "ServiceSubcategory": "Generative AI",
        "SkuId": sku,
        "SkuMeter": None if unpriced else unit,
        "SkuPriceId": sku,
        "SubAccountId": found["team_"],
        "SubAccountName": found["team_"],
        "Tags": json.dumps(tags, ensure_ascii=False) if tags else None,
        "x_CacheReadTokens": str(found["read"]),
        "x_CacheWriteTokens": str(found["write"]),
        "x_EstimatedTokens": str(found["estimated"]),
        "x_Exchanges": str(found["exchanges"]),
        "x_InputTokens": str(found["input"]),
        "x_ModelName": found["model"],
        "x_OutputTokens": str(found["output"]),
        "x_PriceId": found["price"],
        "x_Unpriced": "true" if unpriced else "false",
    }


def _unit_price(cost: Decimal, quantity: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return (cost / quantity).quantize(_UNIT_PRICE, ROUND_HALF_EVEN) if quantity else Decimal(0)


def _number(value: Decimal) -> str:
    """Digits with at most one point, as the specification's numbers are: no exponent, no zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def _moment(day: date) -> str:
    return f"{day:%Y-%m-%d}T00:00:00Z"


def _month_after(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
