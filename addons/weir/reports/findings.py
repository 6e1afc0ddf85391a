"""What detectors found, and what was done about it."""

from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports.table import Table, from_query, moment

__all__ = ["TITLE", "run"]

TITLE = "Findings"

_QUERY = """
SELECT f.detector, f.category, f.action, coalesce(f.rule_id, e.rule_id) AS rule,
    count(*) AS findings, count(DISTINCT f.exchange_id) AS exchanges, count(DISTINCT f.match_hmac) AS distinct_values,
    count(DISTINCT e."user") AS users, count(DISTINCT f.exchange_id) FILTER (e."user" IS NULL) AS unidentified,
    list(DISTINCT e.service ORDER BY e.service) FILTER (e.service IS NOT NULL) AS services,
    min(f.ts) AS first_seen, max(f.ts) AS last_seen
FROM findings f LEFT JOIN events e USING (event_id)
WHERE f.ts >= ?
GROUP BY ALL ORDER BY findings DESC, f.detector, f.action
"""


def run(connection: duckdb.DuckDBPyConnection, since: datetime | None) -> Table:
    """A row per detector, action and rule: how many, in how many exchanges, of how many values, users and services.

    ``users`` counts those who are known; ``unidentified`` is the number of exchanges of nobody known.
    """
    return from_query(TITLE, connection, _QUERY, [moment(since)])
