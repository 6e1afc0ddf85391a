"""The store's exchanges, which are kept put together, against the records they were put together from."""

from __future__ import annotations

import time
from collections.abc import Iterator

import duckdb

from weir.audit.evidence.found import Found, Wrong
from weir.audit.store.parquet import quote
from weir.audit.store.views.exchanges import exchanges_sql

__all__ = ["joined"]

BUCKET = 100_000  # events looked at together, about
FOUND_MAX = 1_000
AGAIN_S = 0.5  # between looks at what differs: records and exchanges are read one after the other
LOOKS = 3


def joined(connection: duckdb.DuckDBPyConnection) -> Iterator[Found]:
    """Each exchange that is not what its records say, that has none, or that is lacking. Raises duckdb.Error.

    Where retention took rows of the days an exchange may be of, it is left out: its records may be gone before it is.
    """
    ((rows,),) = connection.execute("SELECT count(*) FROM events").fetchall()
    buckets = int(rows) // BUCKET + 1
    suspects: set[str] = set()
    for number in range(buckets):
        suspects |= _differing(connection, f"hash(exchange_id) % {buckets} = {number}")
        if len(suspects) >= FOUND_MAX:
            break
    for _ in range(LOOKS - 1):
        if suspects:
            time.sleep(AGAIN_S)
            listed = ", ".join(map(quote, sorted(suspects)[:FOUND_MAX]))
            suspects = _differing(connection, f"coalesce(exchange_id::VARCHAR, 'None') IN ({listed})")
    for one in sorted(suspects):
        yield Found(Wrong.EDITED, "", f"the exchange {one} is not what its records say", file="exchanges")


def _differing(connection: duckdb.DuckDBPyConnection, which: str) -> set[str]:
    query = f"""
        WITH days AS MATERIALIZED (SELECT DISTINCT ts::DATE AS day FROM husks),
            records AS (SELECT * FROM events WHERE {which}),
            each AS (
                SELECT exchange_id, started, ended, hash(e) AS said FROM exchanges e WHERE {which}
                UNION ALL SELECT exchange_id, started, ended, hash(e) AS said FROM ({exchanges_sql("records")}) e),
            differ AS (
                SELECT exchange_id, min(started) AS began, greatest(max(started), max(ended)) AS ended FROM each
                GROUP BY exchange_id HAVING count(*) <> 2 OR min(said) <> max(said))
        SELECT exchange_id::VARCHAR FROM differ
        WHERE NOT EXISTS (FROM days WHERE day BETWEEN began::DATE - 7 AND differ.ended::DATE)"""
    return {str(one) for (one,) in connection.execute(query).fetchall()}
