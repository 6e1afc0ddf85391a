"""AI services and hosts in use that the company has not sanctioned."""

from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports.table import Table, from_query, moment

__all__ = ["TITLE", "run"]

TITLE = "AI in use that is not sanctioned"

# A metered connection to a host in no catalogue says nothing about AI: it counts only when its service is known.
_QUERY = """
WITH seen AS (
    SELECT *, kind = 'discovered' OR coalesce(extra->>'$.discovered', '') = 'true' AS found FROM exchanges
    WHERE started >= ? AND host IS NOT NULL
)
SELECT coalesce(service, host) AS service, list(DISTINCT host ORDER BY host) AS hosts,
    coalesce(max(service_status), 'unknown') AS status, bool_or(found) AS discovered,
    list(DISTINCT inspection ORDER BY inspection) FILTER (inspection IS NOT NULL) AS inspection,
    count(DISTINCT "user") AS users, count(*) FILTER ("user" IS NULL) AS unidentified, count(*) AS requests,
    count(*) FILTER (action = 'block') AS blocked,
    coalesce(sum(req_bytes), 0)::BIGINT AS bytes_up, min(started) AS first_seen, max(started) AS last_seen
FROM seen
WHERE coalesce(service_status, '') <> 'sanctioned' AND (service IS NOT NULL OR service_status IS NOT NULL OR found)
GROUP BY 1 ORDER BY requests DESC, 1
"""


def run(connection: duckdb.DuckDBPyConnection, since: datetime | None) -> Table:
    """A row per service: hosts, status, how far weir saw, users, requests, blocked, bytes sent, first and last time.

    ``users`` counts those who are known; ``unidentified`` is the number of requests of nobody known.
    """
    return from_query(TITLE, connection, _QUERY, [moment(since)])
