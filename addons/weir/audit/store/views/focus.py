"""Spend in the columns of FOCUS 1.4: THE place where they are made; the view and ``weir report spend`` both read it.

A row is a day's use of a model at one price, by team, app and user. weir issues no invoices, so ``BilledCost`` is 0 in
every row (the specification's rule against counting a charge twice beside the provider's own dataset) and the money is
in ``EffectiveCost``. Where the specification asks for what weir can't know, this is what stands there:

- A row without a price says ``x_Unpriced``. Its SKU, its quantities and unit prices are null, its tokens stand in the
  ``x_`` columns; its costs are 0 because null is not allowed there, not because it was free.
- Unit prices are blended over input, output and cache, and a contract price stands for the list price too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["BY", "COUNTED", "focus_sql"]

BY: Mapping[str, str] = {"team": "team", "app": "app", "user": '"user"'}  # what rows can be split by
# What was used, and what was forwarded to a model without our ever learning how much it used.
COUNTED = "(usage_source IN ('reported', 'estimated') OR price_id = 'unpriced')"
_MODEL = "coalesce(response_model, request_model)"
_PLACES = 24  # of a unit price: they are blended, so they have no end; this many make sums exact
_MOST = f"DECIMAL(38, {_PLACES})"


def _unit_price(nano: str, quantity: str) -> str:
    """nano / quantity dollars, half up, without a detour over binary fractions."""
    scale = f"1{'0' * (_PLACES - 9)}::HUGEINT"
    whole = f"(({nano} * {scale} + {quantity} // 2) // nullif({quantity}, 0))::VARCHAR"
    digits = f"lpad({whole}, greatest(length({whole}), {_PLACES + 1})::INTEGER, '0')"  # it would cut off what is longer
    return f"coalesce((left({digits}, -{_PLACES}) || '.' || right({digits}, {_PLACES}))::{_MOST}, 0)"


def _grouped(who: Sequence[str], where: str) -> str:
    named = ", ".join(f"{BY[name] if name in who else 'NULL::VARCHAR'} AS {name}_" for name in BY)
    return f"""
        SELECT started::DATE AS day, coalesce(service, 'unknown') AS service_,
            coalesce(provider, service, 'unknown') AS provider_, {_MODEL} AS model, {named},
            CASE WHEN cost_nano IS NULL THEN NULL ELSE price_id END AS price,
            cost_nano IS NULL AS no_price, count(*) AS exchanges,
            coalesce(sum(input_tokens), 0)::HUGEINT AS input, coalesce(sum(output_tokens), 0)::HUGEINT AS output,
            coalesce(sum(cache_read_tokens), 0)::HUGEINT AS read,
            coalesce(sum(cache_write_tokens), 0)::HUGEINT AS write,
            coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))
                FILTER (usage_source = 'estimated'), 0)::HUGEINT AS estimated,
            coalesce(sum(cost_nano), 0)::HUGEINT AS nano
        FROM exchanges WHERE {where} GROUP BY ALL"""


def focus_sql(who: Sequence[str], where: str = "true") -> str:
    """SELECT of the dataset. ``who``: which of BY rows are split by and named in Tags; ``where``: a condition on
    exchanges. Money and quantities are DECIMAL, times TIMESTAMP in UTC, the rest VARCHAR."""
    tags = ", ".join(f"'{name}', nullif({name}_, '')" for name in BY)
    price = f"CASE WHEN no_price THEN NULL ELSE {_unit_price('nano', 'quantity')} END"
    cost = "nano::DECIMAL(28, 0) * 0.000000001::DECIMAL(10, 9)"  # exact, as no DOUBLE is
    known = "CASE WHEN no_price THEN NULL ELSE {} END"
    sku = known.format("regexp_extract(coalesce(nullif(price, ''), service_ || '/' || model_), '^[^@#]*')")
    said = "model_ || ' at ' || service_ || ', ' || exchanges || CASE WHEN exchanges = 1 THEN ' exchange' ELSE "
    said += "' exchanges' END || CASE WHEN no_price THEN ', no price known' ELSE '' END"
    day, month, fixed = "day::TIMESTAMP", "date_trunc('month', day)::TIMESTAMP", "::DECIMAL(38, 9)"
    quantity, unit = known.format("quantity::DECIMAL(38, 0)"), known.format("unit")
    columns = {
        "BilledCost": f"0{fixed}",
        "BillingAccountId": "'weir'",
        "BillingAccountName": "NULL::VARCHAR",
        "BillingCurrency": "'USD'",
        "BillingPeriodEnd": f"{month} + INTERVAL 1 MONTH",
        "BillingPeriodStart": month,
        "ChargeCategory": "'Usage'",
        "ChargeClass": "NULL::VARCHAR",
        "ChargeDescription": said,
        "ChargeFrequency": "'Usage-Based'",
        "ChargePeriodEnd": f"{day} + INTERVAL 1 DAY",
        "ChargePeriodStart": day,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "ContractedCost": cost,
        "ContractedUnitPrice": price,
        "EffectiveCost": cost,
        "HostProviderName": "provider_",
        "InvoiceIssuerName": "provider_",
        "ListCost": cost,
        "ListUnitPrice": price,
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ServiceCategory": "'AI and Machine Learning'",
        "ServiceName": "service_",
        "ServiceProviderName": "provider_",
        "ServiceSubcategory": "'Generative AI'",
        # A SKU outlives the list that named its price: without that list's name, which x_PriceId has.
        "SkuId": sku,
        "SkuMeter": unit,
        "SkuPriceDetails": "NULL::VARCHAR",
        "SkuPriceId": sku,
        "SubAccountId": "team_",
        "SubAccountName": "team_",
        "Tags": f"nullif(json_merge_patch('{{}}', json_object({tags}))::VARCHAR, '{{}}')",
        "x_CacheReadTokens": "read::DECIMAL(38, 0)",
        "x_CacheWriteTokens": "write::DECIMAL(38, 0)",
        "x_EstimatedTokens": "estimated::DECIMAL(38, 0)",
        "x_Exchanges": "exchanges::DECIMAL(38, 0)",
        "x_InputTokens": "input::DECIMAL(38, 0)",
        "x_ModelName": "model",
        "x_OutputTokens": "output::DECIMAL(38, 0)",
        "x_PriceId": "price",
        "x_Unpriced": "CASE WHEN no_price THEN 'true' ELSE 'false' END",
    }
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    return f"""
        WITH used AS ({_grouped(who, f"{COUNTED} AND ({where})")}),
        measured AS (
            SELECT *, coalesce(model, 'unknown') AS model_,
                -- What costs money without having tokens is priced by the request.
                CASE WHEN input + output > 0 OR nano = 0 THEN input + output ELSE exchanges END AS quantity,
                CASE WHEN input + output > 0 OR nano = 0 THEN 'Tokens' ELSE 'Requests' END AS unit
            FROM used
        )
        SELECT {chosen} FROM measured
        ORDER BY day, service_, provider_, model, team_, app_, user_, price, no_price"""
