from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports import findings


def test_findings_by_detector_action_and_rule(connection: duckdb.DuckDBPyConnection) -> None:
    table = findings.run(connection, None)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    secret, email = rows
    assert (secret["detector"], secret["category"], secret["action"]) == ("secret/key", "secret", "block")
    assert secret["rule"] == "no-credentials-leave"
    assert (secret["findings"], secret["exchanges"], secret["distinct_values"], secret["users"]) == (2, 2, 1, 2)
    assert (secret["unidentified"], email["users"], email["unidentified"]) == (0, 0, 1)
    assert secret["services"] == ["anthropic", "openai"]
    assert (secret["first_seen"], secret["last_seen"]) == (datetime(2023, 11, 15, 9), datetime(2023, 11, 15, 10))
    assert (email["detector"], email["action"], email["rule"], email["findings"]) == (
        "pii/EMAIL",
        "pseudonymise",
        None,
        1,
    )


def test_since(connection: duckdb.DuckDBPyConnection) -> None:
    assert len(findings.run(connection, datetime(2023, 11, 15, 11)).rows) == 1
