from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest

from weir.reports import spend


def test_sums_by_team_dearest_first(connection: duckdb.DuckDBPyConnection) -> None:
    table = spend.run(connection, None)
    assert table.title == "Spend by team"
    assert table.columns == (
        "team", "exchanges", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd",
        "unpriced", "unpriced_tokens", "estimated", "estimated_pct", "partial", "uncounted",
    )  # fmt: skip
    assert table.rows == (
        ("finance", 2, 200, 40, 20, 0, 1.25, 1, 120, 1, 50.0, 1, 0),
        ("research", 1, 100, 20, 10, 0, 0.75, 0, 0, 0, 0.0, 0, 0),
    )


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("app", {"cli": 1.25, "ide": 0.75}),
        ("user", {"anna": 2.0, "ben": None}),
        ("model", {"gpt-5": 2.0, "own-model": None}),
        ("service", {"openai": 2.0}),
        ("day", {"2023-11-15": 2.0}),
    ],
)
def test_by(connection: duckdb.DuckDBPyConnection, by: str, expected: dict[str, Any]) -> None:
    table = spend.run(connection, None, by=by)
    assert table.columns[0] == by
    assert {row[0]: row[6] for row in table.rows} == expected


def test_what_has_no_price_stands_last_and_is_counted(connection: duckdb.DuckDBPyConnection) -> None:
    last = spend.run(connection, None, by="model").rows[-1]
    assert (last[0], last[6], last[7]) == ("own-model", None, 1)


def test_another_by_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="team, app, user, model, service, day"):
        spend.run(connection, None, by="1; DROP VIEW events")


def test_since(connection: duckdb.DuckDBPyConnection) -> None:
    assert [row[0] for row in spend.run(connection, datetime(2023, 11, 15, 2)).rows] == ["research", "finance"]
    assert spend.run(connection, datetime(2030, 1, 1)).rows == ()
