from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from harness.memorystore import MemoryStore
from weir.audit.record import AuditRecord
from weir.audit.store.views.focus import BY, focus_sql
from weir.reports.focus import run_focus
from weir.reports.focus_columns import COLUMNS, violations

Make = Callable[..., AuditRecord]
NOON = 1_704_024_000_000_000  # 2023-12-31 12:00 UTC
USED: dict[str, Any] = {"usage_source": "reported", "input_tokens": 7, "output_tokens": 3, "price_id": "openai/gpt-5@x"}


def test_the_view_has_the_columns_of_the_specification_in_their_order(told: MemoryStore) -> None:
    described = told("DESCRIBE focus")
    assert [row[0] for row in described] == [column.name for column in COLUMNS]
    types = {"Decimal": "DECIMAL", "String": "VARCHAR", "DateTime": "TIMESTAMP", "JSON": "VARCHAR"}
    for (name, made, *_), column in zip(described, COLUMNS, strict=True):
        assert made.startswith(types[column.type]), name


def test_money_beyond_a_double_is_exact(written: Callable[..., MemoryStore], record: Make) -> None:
    told = written(
        record(ts=NOON, cost_nano=9_007_199_254_740_993, **USED), record(ts=NOON, cost_nano=2**62, user="", **USED)
    )
    rows = told("SELECT EffectiveCost, ListUnitPrice, ConsumedQuantity, SkuId, Tags FROM focus ORDER BY 1")
    assert rows[0] == (
        Decimal("9007199.254740993"), Decimal("900719.9254740993"), 10, "openai/gpt-5",
        '{"team":"finance","user":"anna"}',
    )  # fmt: skip
    assert rows[1][:2] == (Decimal(2**62).scaleb(-9), Decimal(2**62).scaleb(-10))
    assert violations(run_focus(told.connection, None)) == []


@pytest.mark.parametrize("who", [(), ("team",), tuple(BY)])
def test_no_money_is_lost_however_it_is_split(
    written: Callable[..., MemoryStore], record: Make, who: tuple[str, ...]
) -> None:
    told = written(
        *(record(ts=NOON + n, cost_nano=n, user=f"u{n % 3}", app=f"a{n % 2}", **USED) for n in range(1, 8)),
        record(ts=NOON, cost_nano=5, usage_source="reported", input_tokens=0, price_id="image@1"),
        record(ts=NOON, price_id="unpriced"),
        record(ts=NOON, usage_source="none", price_id="no-usage", cost_nano=0),
    )
    rows = told(f"SELECT sum(EffectiveCost), sum(x_Exchanges), count(*) FROM ({focus_sql(who)})")
    assert rows == [(Decimal("0.000000033"), 9, 3 if len(who) < 3 else 8)]
    assert told(f"SELECT sum(EffectiveCost) FROM ({focus_sql(who, 'started < make_timestamp(0)')})") == [(None,)]
