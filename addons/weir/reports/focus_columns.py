"""The columns of the FOCUS dataset, and the specification's rules that a table of them can be held against.

Names, types, nulls and the rules in ``violations`` were read in the specification's own repository (Cost and Usage
dataset, its working text after 1.3); custom columns carry the prefix ``x_`` and stand last, as it demands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from weir.reports.table import Table

__all__ = ["COLUMNS", "MANDATORY", "VERSION", "FocusColumn", "violations"]

VERSION = "1.4"


@dataclass(frozen=True, slots=True)
class FocusColumn:
    """One column: ``type`` is Decimal, String, DateTime or JSON; ``level`` Mandatory, Conditional, Recommended …"""

    name: str
    type: str
    nullable: bool
    level: str


def _columns(level: str, *named: str) -> list[FocusColumn]:
    """Each of ``named`` is ``Name Type``, with a question mark behind the type where null is allowed."""
    pairs = (text.split() for text in named)
    return [FocusColumn(name, kind.rstrip("?"), kind.endswith("?"), level) for name, kind in pairs]


_FOCUS = [
    *_columns(
        "Mandatory",
        *("BilledCost Decimal", "BillingAccountId String", "BillingAccountName String?", "BillingCurrency String"),
        *("BillingPeriodEnd DateTime", "BillingPeriodStart DateTime", "ChargeCategory String", "ChargeClass String?"),
        *("ChargeDescription String?", "ChargePeriodEnd DateTime", "ChargePeriodStart DateTime"),
        *("ContractedCost Decimal", "EffectiveCost Decimal", "HostProviderName String", "InvoiceIssuerName String"),
        *("ListCost Decimal", "PricingQuantity Decimal?", "PricingUnit String?", "ServiceCategory String"),
        *("ServiceName String", "ServiceProviderName String"),
    ),
    *_columns(
        "Conditional",
        *("ConsumedQuantity Decimal?", "ConsumedUnit String?", "ContractedUnitPrice Decimal?"),
        *("ListUnitPrice Decimal?", "SkuId String?", "SkuMeter String?", "SkuPriceDetails JSON?", "SkuPriceId String?"),
        *("SubAccountId String?", "SubAccountName String?", "Tags JSON?"),
    ),
    *_columns("Recommended", "ChargeFrequency String", "ServiceSubcategory String"),
]
_CUSTOM = _columns(
    "Custom",
    *("x_CacheReadTokens Decimal", "x_CacheWriteTokens Decimal", "x_EstimatedTokens Decimal", "x_Exchanges Decimal"),
    *(
        "x_InputTokens Decimal",
        "x_ModelName String?",
        "x_OutputTokens Decimal",
        "x_PriceId String?",
        "x_Unpriced String",
    ),
)
COLUMNS: tuple[FocusColumn, ...] = (*sorted(_FOCUS, key=lambda column: column.name), *_CUSTOM)
MANDATORY = frozenset(column.name for column in COLUMNS if column.level == "Mandatory")

_ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "ServiceCategory": {"AI and Machine Learning"},  # of the many allowed the one that fits, and its subcategories
    "ServiceSubcategory": {
        *("AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing"),
        "Other (AI and Machine Learning)",
    },
    "x_Unpriced": {"true", "false"},
}
_FORMS = {
    "Decimal": re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?"),
    "DateTime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "String": re.compile(r"(?s).+"),
    "JSON": re.compile(r"\{.*\}"),
}
_CURRENCY = re.compile(r"[A-Z]{3}")
_CENT = Decimal(1).scaleb(-9)  # costs are whole nano-dollars

Row = Mapping[str, str | None]


def violations(table: Table) -> list[str]:
    """What of a table does not keep to the rules, one line each; empty when it is a dataset of COLUMNS."""
    wanted = tuple(column.name for column in COLUMNS)
    if table.columns != wanted:
        missing, more = set(wanted) - set(table.columns), set(table.columns) - set(wanted)
        return [f"columns: missing {sorted(missing)}, unknown {sorted(more)}, or not in their order"]
    found: list[str] = []
    for number, cells in enumerate(table.rows, 1):
        row = dict(zip(table.columns, cells, strict=True))
        wrong = [*_cells(row)]
        found += (f"row {number}: {what}" for what in (wrong or _across(row)))  # sums only of cells that can be read
    return found


def _cells(row: Row) -> Iterator[str]:
    for column in COLUMNS:
        value = row[column.name]
        if value is None:
            if not column.nullable:
                yield f"{column.name} is null"
        elif not isinstance(value, str) or not _FORMS[column.type].fullmatch(value):
            yield f"{column.name} is no {column.type}"
        elif column.name in _ALLOWED and value not in _ALLOWED[column.name]:
            yield f"{column.name} has a value that is not allowed"
        elif column.type == "JSON" and not _is_object(value):
            yield f"{column.name} is no JSON object"
    if not _CURRENCY.fullmatch(row["BillingCurrency"] or ""):
        yield "BillingCurrency is no ISO 4217 code"


def _is_object(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False


def _across(row: Row) -> Iterator[str]:
    start, end = str(row["ChargePeriodStart"]), str(row["ChargePeriodEnd"])
    if not start < end:
        yield "the charge period does not end after it begins"
    if not str(row["BillingPeriodStart"]) <= start <= end <= str(row["BillingPeriodEnd"]):
        yield "the charge period is not inside the billing period"
    for cost, unit in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
        price, quantity = row[unit], row["PricingQuantity"]
        if price is None:
            if row[cost] != row["BilledCost"]:
                yield f"{cost} differs from BilledCost though {unit} is null"
        elif quantity is not None and (Decimal(price) * Decimal(quantity)).quantize(_CENT) != Decimal(str(row[cost])):
            yield f"{cost} is not {unit} times PricingQuantity"
    for name in ("PricingQuantity", "ConsumedQuantity", "ListUnitPrice", "PricingUnit", "ConsumedUnit"):
        if (row[name] is None) != (row["SkuPriceId"] is None):
            yield f"{name} and SkuPriceId are not null together"
    # For usage the specification wants one always; an unpriced row has none that would be true.
    if row["SkuPriceId"] is None and row["x_Unpriced"] != "true":
        yield "SkuPriceId is null for usage that has a price"
    if row["SkuId"] is None and row["SkuMeter"] is not None:
        yield "SkuMeter without SkuId"
    if row["SkuPriceId"] is None and row["SkuPriceDetails"] is not None:
        yield "SkuPriceDetails without SkuPriceId"
    if row["x_Unpriced"] == "true" and any(row[name] != "0" for name in ("EffectiveCost", "ListCost")):
        yield "an unpriced row has a cost"
