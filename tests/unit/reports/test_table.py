from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pytest

from weir.reports import REPORTS, discover
from weir.reports.table import Table, as_csv, as_json, from_query, moment

TABLE = Table(
    "T",
    ("name", "at", "tags", "usd", "none"),
    (("ä,b", datetime(2026, 1, 2, 3, 4, 5), ["x", "y"], Decimal("1.5"), None), ("=1+1", date(2026, 1, 2), [], 2, True)),
)


def test_reports_are_found_by_being_there() -> None:
    assert {"shadow-ai", "spend", "findings"} <= set(REPORTS)
    assert set(discover()) == set(REPORTS)
    assert all(module.TITLE and callable(module.run) for module in REPORTS.values())
    assert "table" not in REPORTS


def test_json_is_objects_by_column() -> None:
    doc = json.loads(as_json(TABLE))
    assert doc["title"] == "T" and doc["columns"] == list(TABLE.columns)
    assert doc["rows"][0] == {
        "name": "ä,b",
        "at": "2026-01-02T03:04:05.000Z",
        "tags": ["x", "y"],
        "usd": 1.5,
        "none": None,
    }


def test_csv_has_a_header_and_no_formulas() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(TABLE), newline="")))
    assert rows[0] == list(TABLE.columns)
    assert rows[1] == ["ä,b", "2026-01-02T03:04:05.000Z", "x y", "1.5", ""]
    assert rows[2][0] == "'=1+1"
    assert rows[2][4] == "true"


def test_csv_says_true_and_false_and_nests_as_json() -> None:
    made = as_csv(Table("", ("a", "b", "c"), ((False, [True, None, "=x"], {"k": 1}),)))
    assert made == 'a,b,c\r\nfalse,true  \'=x,"{""k"": 1}"\r\n'


def test_json_has_no_empty_title() -> None:
    assert json.loads(as_json(Table("", ("a",), ()))) == {"columns": ["a"], "rows": []}


@pytest.mark.parametrize(
    ("since", "stored"),
    [
        (None, datetime(1970, 1, 1)),
        (datetime(2026, 1, 2, 12), datetime(2026, 1, 2, 12)),
        (datetime(2026, 1, 2, 12, tzinfo=UTC), datetime(2026, 1, 2, 12)),
        (datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 2, 10)),
    ],
)
def test_since_is_taken_to_utc(since: datetime | None, stored: datetime) -> None:
    assert moment(since) == stored


def test_from_query_names_its_columns() -> None:
    table = from_query("Q", duckdb.connect(), "SELECT 1 AS a, ? AS b", ["x"])
    assert table == Table("Q", ("a", "b"), ((1, "x"),))
