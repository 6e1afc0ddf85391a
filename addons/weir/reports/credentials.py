"""Credentials that clients brought themselves: an inventory, by kind and fingerprint."""

from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports.table import Table, from_query, moment
from weir.sections_credentials import KINDS

__all__ = ["KINDS", "TITLE", "run"]

TITLE = "Credentials that are no virtual keys"

# The same as the view `credentials`, for a part of the time.
_QUERY = """
SELECT provider, kind, fingerprint[:12] AS fingerprint, count(*) AS exchanges,
    list(DISTINCT done ORDER BY done) AS done,
    coalesce(list(DISTINCT "user" ORDER BY "user") FILTER ("user" IS NOT NULL), []) AS users,
    coalesce(list(DISTINCT team ORDER BY team) FILTER (team IS NOT NULL), []) AS teams,
    coalesce(list(DISTINCT app ORDER BY app) FILTER (app IS NOT NULL), []) AS apps,
    count(*) FILTER ("user" IS NULL AND team IS NULL AND app IS NULL) AS unidentified,
    count(DISTINCT src_ip) AS addresses, list(DISTINCT host ORDER BY host) AS hosts,
    min(started) AS first_seen, max(started) AS last_seen
FROM credentials_seen WHERE started >= ? AND (? = '' OR kind = ?)
GROUP BY provider, kind, credentials_seen.fingerprint ORDER BY last_seen DESC, provider, kind, 3
"""


def run(connection: duckdb.DuckDBPyConnection, since: datetime | None, kind: str = "") -> Table:
    """A row per credential: whose, which kind, the first 12 digits of its fingerprint, in how many exchanges and what
    became of them, who used it (``unidentified``: exchanges of nobody known), from how many addresses, where to, when.

    ``kind`` is one of ``KINDS``; "" is every kind.
    """
    return from_query(TITLE, connection, _QUERY, [moment(since), kind, kind])
