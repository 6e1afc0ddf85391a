"""What retention took from the spool against the store, which has to have each of these rows, or what is left of it.

``retired.json`` proves which rows went, not that their time was over: whoever can write it can take the beginning of a
chain away. So the rows have to be in the store, and may not be of today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb

from weir.audit.evidence.found import Found, Wrong
from weir.audit.spool.retired import Retired
from weir.audit.store.parquet import quote

__all__ = ["taken"]

LEAST_US = 86_400_000_000  # no policy keeps lines for less than a day


def taken(connection: duckdb.DuckDBPyConnection, gone: Mapping[str, Retired], now: int) -> Iterator[Found]:
    """Each chain of which the store lacks rows that are ``gone`` from the spool, or that went too young.

    ``now``: µs since the epoch. By counts and sums of the seqs alone; row by row is for the store by itself. Raises
    duckdb.Error.
    """
    beginnings = [f"({quote(chain)}, {one.seq})" for chain, one in gone.items() if one.seq]
    if not beginnings:
        return
    rows = "SELECT proxy_id || '-' || boot_id AS chain, seq, ts FROM"
    query = f"""
        WITH gone(chain, upto) AS (VALUES {", ".join(beginnings)})
        SELECT g.chain, upto, count(r.seq), coalesce(sum(r.seq), 0)::HUGEINT, epoch_us(max(r.ts))
        FROM gone g LEFT JOIN ({rows} events UNION ALL {rows} husks) r ON r.chain = g.chain AND r.seq <= upto
        GROUP BY ALL ORDER BY ALL"""
    for chain, upto, count, total, newest in connection.execute(query).fetchall():
        if (count, int(total)) != (upto, upto * (upto + 1) // 2):
            text = f"they are gone from the spool as if their time were over; the store has {count} of them"
            yield Found(Wrong.REMOVED, chain, text, seq=1, seq_last=upto)
        if newest is not None and newest > now - LEAST_US:
            text = "some of these rows are younger than a day: no policy takes them from the spool so early"
            yield Found(Wrong.REMOVED, chain, text, seq=1, seq_last=upto)
