"""Tokens and money by team, app, user, model or service."""

from __future__ import annotations

from datetime import datetime

import duckdb

from weir.reports.table import Table, from_query, moment

__all__ = ["BY", "TITLE", "run"]

TITLE = "Spend"
BY = {
    "team": "team",
    "app": "app",
    "user": '"user"',
    "model": "coalesce(response_model, request_model)",
    "service": "service",
}


def run(connection: duckdb.DuckDBPyConnection, since: datetime | None, by: str = "team") -> Table:
    """A row per value of ``by`` (a key of BY), dearest first. ``cost_usd`` leaves out what has no price, and is None
    where nothing has one: ``unpriced`` counts these exchanges, ``estimated`` those whose tokens weir counted itself.
    Raises ValueError for another ``by``.
    """
    if by not in BY:
        raise ValueError(f"spend goes by {', '.join(BY)}")
    query = f"""
        SELECT coalesce({BY[by]}, '') AS "{by}", count(*) AS exchanges,
            coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
            coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
            coalesce(sum(cache_read_tokens), 0)::BIGINT AS cache_read_tokens,
            coalesce(sum(cache_write_tokens), 0)::BIGINT AS cache_write_tokens,
            round(sum(cost_nano)::DOUBLE / 1e9, 6) AS cost_usd,
            count(*) FILTER (cost_nano IS NULL) AS unpriced,
            count(*) FILTER (usage_source = 'estimated') AS estimated
        FROM exchanges WHERE started >= ? AND usage_source IN ('reported', 'estimated')
        GROUP BY 1 ORDER BY cost_usd DESC NULLS LAST, exchanges DESC, 1"""
    return from_query(f"{TITLE} by {by}", connection, query, [moment(since)])
