from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports import shadow_ai


def test_a_row_per_service(connection: duckdb.DuckDBPyConnection) -> None:
    table = shadow_ai.run(connection, None)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert set(rows) == {"openai", "anthropic", "deepseek", "ai.example", "claude"}, "no hosts that are no AI"
    deepseek = rows["deepseek"]
    assert deepseek["hosts"] == ["api.deepseek.com", "chat.deepseek.com"]
    assert (deepseek["status"], deepseek["users"], deepseek["requests"], deepseek["blocked"]) == (
        "unsanctioned",
        2,
        2,
        1,
    )
    assert (deepseek["bytes_up"], deepseek["sources"]) == (17, ["live"])
    assert (deepseek["first_seen"], deepseek["last_seen"]) == (datetime(2023, 11, 15, 4), datetime(2023, 11, 15, 5))
    assert rows["ai.example"]["discovered"] is True and rows["ai.example"]["status"] == "unknown"
    assert (rows["ai.example"]["users"], rows["ai.example"]["unidentified"]) == (0, 1), "an address is no user"
    assert rows["claude"]["inspection"] == ["metered"] and rows["claude"]["discovered"] is False
    assert rows["openai"]["findings"] == 0, "these were found in no request"
    assert table.rows[0][0] == "openai", "most requests first"


def test_since_leaves_out_what_was_before(connection: duckdb.DuckDBPyConnection) -> None:
    rows = shadow_ai.run(connection, datetime(2023, 11, 15, 6)).rows
    assert {row[0] for row in rows} == {"openai", "anthropic", "ai.example", "claude"}
