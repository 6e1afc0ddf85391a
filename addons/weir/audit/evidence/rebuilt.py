"""A line of the spool made anew from the store's columns, when the spool no longer has it."""

from __future__ import annotations

import hashlib

import duckdb

from weir.audit.store.views.chain import body_sql, children_sql

__all__ = ["line_of"]


def line_of(connection: duckdb.DuckDBPyConnection, event_id: str) -> bytes:
    """The line of an event with its newline; empty when the store's row does not fit its hash, or there is none.

    ``connection`` is one to a store. Raises duckdb.Error.
    """
    query = f"""
        WITH e AS MATERIALIZED (SELECT * FROM events WHERE event_id = ?),
            begun AS (SELECT proxy_id, boot_id, seq AS first FROM e)  -- from where on children are looked for
        SELECT {body_sql("e", "f.listed", "t.listed")}, e.prev_hash, e.row_hash
        FROM e
        LEFT JOIN ({children_sql("findings")}) f USING (proxy_id, boot_id, seq)
        LEFT JOIN ({children_sql("tool_calls")}) t USING (proxy_id, boot_id, seq)"""
    for body, prev_hash, row_hash in connection.execute(query, [event_id]).fetchall():
        if body is not None and hashlib.sha256(f"{prev_hash}{body}".encode()).hexdigest() == row_hash:
            return f'{body[:-1]},"prev_hash":"{prev_hash}","row_hash":"{row_hash}"}}\n'.encode()
    return b""
