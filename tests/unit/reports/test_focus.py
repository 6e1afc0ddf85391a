"""Spend as a FOCUS dataset: the specification's rules hold over a real store, and the money is all there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from unit.reports.conftest import exchange, spent
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import new_event_id
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store
from weir.reports.focus import run_focus
from weir.reports.focus_columns import violations
from weir.reports.table import Table, as_csv

DAY = 24


def rows(table: Table) -> list[dict[str, str | None]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_it_keeps_the_rules_and_loses_no_money(connection: duckdb.DuckDBPyConnection) -> None:
    table = run_focus(connection, None)
    assert violations(table) == []
    found = rows(table)
    assert sum(Decimal(row["EffectiveCost"] or "") for row in found) == Decimal("2.000000001")
    assert {row["BilledCost"] for row in found} == {"0"}
    first = next(row for row in found if row["SubAccountId"] == "research")
    assert first["EffectiveCost"] == "0.750000001"
    assert (first["ChargePeriodStart"], first["ChargePeriodEnd"]) == ("2023-11-15T00:00:00Z", "2023-11-16T00:00:00Z")
    assert (first["BillingPeriodStart"], first["BillingPeriodEnd"]) == ("2023-11-01T00:00:00Z", "2023-12-01T00:00:00Z")
    assert json.loads(first["Tags"] or "") == {"team": "research", "app": "ide", "user": "anna"}
    assert (first["ConsumedQuantity"], first["x_InputTokens"], first["x_CacheReadTokens"]) == ("120", "100", "10")


def test_what_has_no_price_is_there_and_says_so(connection: duckdb.DuckDBPyConnection) -> None:
    (row,) = [row for row in rows(run_focus(connection, None)) if row["x_Unpriced"] == "true"]
    assert (row["SkuPriceId"], row["EffectiveCost"], row["ListUnitPrice"]) == (None, "0", None)
    assert (row["x_InputTokens"], row["x_OutputTokens"], row["x_EstimatedTokens"]) == ("100", "20", "120")
    assert "no price known" in (row["ChargeDescription"] or "")


@pytest.mark.parametrize(("by", "tags"), [("team", {"team"}), ("user", {"user"}), ("model", set()), ("day", set())])
def test_by_leaves_the_others_out(connection: duckdb.DuckDBPyConnection, by: str, tags: set[str]) -> None:
    table = run_focus(connection, None, by)
    assert violations(table) == []
    assert {key for row in rows(table) if row["Tags"] for key in json.loads(row["Tags"])} == tags
    assert sum(Decimal(row["EffectiveCost"] or "") for row in rows(table)) == Decimal("2.000000001")


def test_since_and_another_by(connection: duckdb.DuckDBPyConnection) -> None:
    assert run_focus(connection, datetime(2030, 1, 1)).rows == ()
    with pytest.raises(ValueError, match="spend goes by"):
        run_focus(connection, None, "1; DROP VIEW events")


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A turn of the year, a price by the request, money beyond a double, and names that strangers chose."""
    nothing = {"input_tokens": 0, "output_tokens": 0, "cache_read_tokens": 0}
    december = 1_704_000_000_000_000  # 2023-12-31
    records = [
        exchange(0, ts=december, input_tokens=7, output_tokens=3, usage_source="reported", cost_nano=1),
        spent(DAY, 40_000_000, **nothing, response_model="image-1", price_id="openai/image-1@x"),
        spent(2 * DAY, 9_007_199_254_740_993, response_model="dear"),
        spent(3 * DAY, 5, user='=cmd|"\n', team="", app="", service="", response_model=""),
        exchange(4 * DAY, price_id="unpriced"),
    ]
    spool = Spool(tmp_path / "spool", "p1", new_event_id(), segment_bytes_max=1 << 20)
    spool.start()
    for record in records:
        spool.put(record)
    assert spool.close(60)
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        assert ingester.run_once() == len(records)
    with store.connect(tmp_path) as made:
        yield made


def test_odd_rows_keep_the_rules(odd: duckdb.DuckDBPyConnection) -> None:
    table = run_focus(odd, None)
    assert violations(table) == []
    found = {row["x_ModelName"]: row for row in rows(table) if row["x_ModelName"]}
    assert (found["image-1"]["PricingUnit"], found["image-1"]["ListUnitPrice"]) == ("Requests", "0.04")
    assert found["dear"]["EffectiveCost"] == "9007199.254740993"
    assert {row["BillingPeriodEnd"] for row in rows(table)} == {"2023-12-01T00:00:00Z", "2024-01-01T00:00:00Z"}
    (uncounted,) = [row for row in rows(table) if row["x_Unpriced"] == "true"]
    assert (uncounted["ConsumedQuantity"], uncounted["x_Exchanges"]) == (None, "1")
    assert (found["image-1"]["SkuPriceId"], found["image-1"]["x_PriceId"]) == ("openai/image-1", "openai/image-1@x")
    read = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["EffectiveCost"] for row in read] == [row["EffectiveCost"] for row in rows(table)]
