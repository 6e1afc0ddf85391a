"""Tokens and money by team, app, user, model, service or day."""

from __future__ import annotations

from datetime import datetime

import duckdb

from weir.audit.store.views.focus import COUNTED
from weir.reports.table import Table, from_query, moment

__all__ = ["BY", "TITLE", "run"]

TITLE = "Spend"
BY = {
    "team": "team",
    "app": "app",
    "user": '"user"',
    "model": "coalesce(response_model, request_model)",
    "service": "service",
    "day": "strftime(started, '%Y-%m-%d')",
}
_TOKENS = "coalesce(input_tokens, 0) + coalesce(output_tokens, 0)"


def run(connection: duckdb.DuckDBPyConnection, since: datetime | None, by: str = "team") -> Table:
    """A row per value of ``by`` (a key of BY), dearest first, days in their order.

    ``cost_usd`` leaves out what has no price, and is None where nothing has one: ``unpriced`` counts these exchanges,
    ``unpriced_tokens`` their tokens. ``estimated`` counts the exchanges whose tokens weir counted itself,
    ``estimated_pct`` is their share of all tokens (0..100, None without tokens); ``partial`` are those of them that
    leave out a picture, a sound or a file. ``uncounted`` are exchanges of which no tokens are known at all.
    Raises ValueError for another ``by``.
    """
    if by not in BY:
        raise ValueError(f"spend goes by {', '.join(BY)}")
    order = "1" if by == "day" else "cost_usd DESC NULLS LAST, exchanges DESC, 1"
    query = f"""
        SELECT coalesce({BY[by]}, '') AS "{by}", count(*) AS exchanges,
            coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
            coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
            coalesce(sum(cache_read_tokens), 0)::BIGINT AS cache_read_tokens,
            coalesce(sum(cache_write_tokens), 0)::BIGINT AS cache_write_tokens,
            round(sum(cost_nano)::DOUBLE / 1e9, 6) AS cost_usd,
            count(*) FILTER (cost_nano IS NULL) AS unpriced,
            coalesce(sum({_TOKENS}) FILTER (cost_nano IS NULL), 0)::BIGINT AS unpriced_tokens,
            count(*) FILTER (usage_source = 'estimated') AS estimated,
            round(100 * coalesce(sum({_TOKENS}) FILTER (usage_source = 'estimated'), 0)::DOUBLE
                / nullif(sum({_TOKENS}), 0)::DOUBLE, 1) AS estimated_pct,
            count(*) FILTER (usage_source = 'estimated' AND extra->>'$.media_uncounted' IS NOT NULL) AS partial,
            count(*) FILTER (usage_source IS NULL OR usage_source = 'none') AS uncounted
        FROM exchanges WHERE started >= ? AND {COUNTED}
        GROUP BY 1 ORDER BY {order}"""
    return from_query(f"{TITLE} by {by}", connection, query, [moment(since)])
