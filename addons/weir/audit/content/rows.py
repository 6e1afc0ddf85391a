"""The events of one user, conversation or app out of the store, as a timeline wants them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from weir.audit.content.timeline import about
from weir.audit.ingester.cursor import Cursor
from weir.audit.spool.opened import open_segment, segments, size
from weir.audit.store import database as store

__all__ = ["conversations_of", "row_of", "rows_about", "unread"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = """
    e.event_id::VARCHAR AS event_id, e.exchange_id::VARCHAR AS exchange_id, e.* EXCLUDE (event_id, exchange_id),
    (SELECT list(f ORDER BY f.ord) FROM findings f WHERE f.event_id = e.event_id) AS findings,
    (SELECT list(t ORDER BY t.ord) FROM tool_calls t WHERE t.event_id = e.event_id) AS tool_calls"""
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
        SELECT {_COLUMNS} FROM events e
        WHERE e.event_id IN (SELECT event_id FROM named)
            OR e.exchange_id IN (SELECT exchange_id FROM named WHERE exchange_id IS NOT NULL)
        ORDER BY e.ts, e.seq LIMIT ?"""
    late = list(unread(data_dir))
    found = _asked(data_dir, query, [*values, limit])
    begun, ended = _us(since), _us(until)
    mine = {
        _exchange(row)
        for row in late
        if about(row, user=user, conversation=conversation, app=app)
        and (begun is None or _at(row) >= begun)
        and (ended is None or _at(row) < ended)
    } | {row["exchange_id"] for row in found if row["exchange_id"]}
    known = {row["event_id"] for row in found}
    more = [row for row in late if _exchange(row) in mine and row["event_id"] not in known]
    return [*found, *sorted(more, key=_at)][:limit]


def row_of(data_dir: Path, name: str) -> list[dict[str, Any]]:
    """The event of this id, or the events of the exchange of this id that bear texts. Raises as ``rows_about``."""
    query = f"""SELECT {_COLUMNS} FROM events e
        WHERE e.event_id = ?::UUID OR (e.exchange_id = ?::UUID AND e.content_ct_hash <> '') ORDER BY e.ts, e.seq"""
    late = [
        row
        for row in unread(data_dir)
        if row["event_id"] == name or (_exchange(row) == name and row.get("content_ct_hash"))
    ]
    found = _asked(data_dir, query, [name, name])
    known = {row["event_id"] for row in found}
    found += [row for row in late if row["event_id"] not in known]
    return [row for row in found if row["event_id"] == name] or found


def conversations_of(data_dir: Path, user: str) -> set[str]:
    """Every conversation that the audit knows of a user. Raises as ``rows_about``."""
    names = {row.get("conversation_id") for row in unread(data_dir) if row.get("user") == user}
    rows = _asked(data_dir, 'SELECT DISTINCT conversation_id FROM events WHERE "user" = ?', [user])
    names |= {row["conversation_id"] for row in rows}
    return {name for name in names if name}


def unread(data_dir: Path) -> Iterator[dict[str, Any]]:
    """The spool's records that no ingester has brought into the store yet, times as microseconds. Raises OSError.

    To be read before the store is asked: what an ingester takes over in between is in both, else it were in neither.
    """
    cursor = Cursor.load(data_dir / "audit" / "cursor.json")
    offsets = cursor.offsets if cursor is not None else {}
    for paths in segments(data_dir / "spool").values():
        for path in paths:
            at = offsets.get(path.name, 0)
            if size(path) <= at:
                continue
            with open_segment(path) as file:
                file.seek(at)
                for line in file:
                    try:
                        row = orjson.loads(line) if line.endswith(b"\n") else None
                    except orjson.JSONDecodeError:
                        continue  # `weir audit verify` tells
                    if isinstance(row, dict) and row.get("event_id"):
                        yield row


def _asked(data_dir: Path, query: str, values: list[Any]) -> list[dict[str, Any]]:
    if not (data_dir / "audit" / "cursor.json").exists():  # no ingester was ever here, and asking makes no store
        return []
    with store.connect(data_dir) as connection:
        columns, rows = store.ask(connection, query, values)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _exchange(row: dict[str, Any]) -> str:
    return str(row.get("exchange_id") or row["event_id"])


def _at(row: dict[str, Any]) -> int:
    at = row.get("ts")
    return at if isinstance(at, int) else 0


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else (moment.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
