from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports import shadow_ai


def test_a_row_per_service_that_is_not_sanctioned(connection: duckdb.DuckDBPyConnection) -> None:
    table = shadow_ai.run(connection, None)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert set(rows) == {"deepseek", "ai.example", "claude"}, "neither sanctioned nor hosts that are no AI"
    deepseek = rows["deepseek"]
    assert deepseek["hosts"] == ["api.deepseek.com", "chat.deepseek.com"]
    assert (deepseek["status"], deepseek["users"], deepseek["requests"], deepseek["blocked"]) == (
        "unsanctioned",
        2,
        2,
        1,
    )
    assert deepseek["bytes_up"] == 17
    assert (deepseek["first_seen"], deepseek["last_seen"]) == (datetime(2023, 11, 15, 4), datetime(2023, 11, 15, 5))
    assert rows["ai.example"]["discovered"] is True and rows["ai.example"]["status"] == "unknown"
    assert (rows["ai.example"]["users"], rows["ai.example"]["unidentified"]) == (0, 1), "an address is no user"
    assert rows["claude"]["inspection"] == ["metered"] and rows["claude"]["discovered"] is False
    assert table.rows[0][0] == "deepseek", "most requests first"


def test_since_leaves_out_what_was_before(connection: duckdb.DuckDBPyConnection) -> None:
    rows = shadow_ai.run(connection, datetime(2023, 11, 15, 6)).rows
    assert {row[0] for row in rows} == {"ai.example", "claude"}
