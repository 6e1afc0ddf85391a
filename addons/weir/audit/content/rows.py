"""The events of one user, conversation or app out of the store, as a timeline wants them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from weir.audit.store import database as store

__all__ = ["contents_asked", "rows_about"]

_NAMED = (("user", '"user"'), ("conversation", "conversation_id"), ("app", "app"))


def rows_about(
    data_dir: Path,
    *,
    user: str = "",
    conversation: str = "",
    app: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
) -> list[dict[str, Any]]:
    """At most ``limit`` events, oldest first, with ``findings`` and ``tool_calls`` as lists of dicts, ids as text.

    What is given has to fit; ``since`` and ``until`` are UTC without a zone. All events of an exchange come with it,
    also those about it (somebody read its texts). Raises ValueError when nobody is named, duckdb.Error, OSError.
    """
    given = {"user": user, "conversation": conversation, "app": app}
    tests = [f"{column} = ?" for name, column in _NAMED if given[name]]
    values: list[Any] = [given[name] for name, _ in _NAMED if given[name]]
    if not tests:
        raise ValueError("a timeline is of a user, a conversation or an app")
    for moment, test in ((since, "ts >= ?"), (until, "ts < ?")):
        if moment is not None:
            tests.append(test)
            values.append(moment)
    fits = " AND ".join(tests)
    query = f"""
        WITH named AS (SELECT event_id, exchange_id FROM events WHERE {fits})
        SELECT e.event_id::VARCHAR AS event_id, e.exchange_id::VARCHAR AS exchange_id,
            e.* EXCLUDE (event_id, exchange_id),
            (SELECT list(f ORDER BY f.ord) FROM findings f WHERE f.event_id = e.event_id) AS findings,
            (SELECT list(t ORDER BY t.ord) FROM tool_calls t WHERE t.event_id = e.event_id) AS tool_calls
        FROM events e
        WHERE e.event_id IN (SELECT event_id FROM named)
            OR e.exchange_id IN (SELECT exchange_id FROM named WHERE exchange_id IS NOT NULL)
        ORDER BY e.ts, e.seq LIMIT ?"""
    with store.connect(data_dir) as connection:
        columns, rows = store.ask(connection, query, [*values, limit])
    return [dict(zip(columns, row, strict=True)) for row in rows]


def contents_asked(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Event id → ``content_ct_hash`` of the events whose texts were kept: what a reader is to open."""
    return {row["event_id"]: row["content_ct_hash"] for row in rows if row.get("content_ct_hash")}
