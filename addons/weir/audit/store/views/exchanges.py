"""An exchange out of its records: the one place that says which record's value counts."""

from __future__ import annotations

from weir.audit.columns import Column
from weir.audit.record import EVENT_COLUMNS
from weir.audit.store.views.shape import View

__all__ = ["EXCHANGES", "NOT_EXCHANGES", "OF_THE_RECORD", "exchanges_sql"]

NOT_EXCHANGES = "('gap', 'config', 'erasure', 'disclosure', 'retention', 'coach', 'budget', 'first_seen')"
OF_THE_RECORD = {"event_id", "exchange_id", "seq", "ts", "ts_end", "kind", "prev_hash", "row_hash", "dropped"}

_OF_TURNS = {
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nano"),
    "cache_saved_nano",
}


def exchanges_sql(source: str = "events") -> str:
    """One row per exchange out of its records in ``source``: of each column the last value that was set, the reply's
    before the request's. ``ended`` stays NULL, and ``kind`` is ``request``, while there is no reply.

    Where ``kind`` is ``discovered`` there was no exchange through weir: the row is what a log showed of a day's use,
    from ``started`` to ``ended`` (``views/sources.py``)."""
    merged = [_merged(column) for column in EVENT_COLUMNS if column.name not in OF_THE_RECORD]
    return f"""
        SELECT exchange_id,
            coalesce(arg_max(kind, seq) FILTER (kind NOT IN ('request', 'discovered', 'turn')),
                arg_max(kind, seq) FILTER (kind = 'request'), 'discovered') AS kind,
            min(ts) AS started,
            coalesce(max(coalesce(ts_end, ts)) FILTER (kind NOT IN ('request', 'discovered', 'turn')),
                CASE WHEN bool_and(kind = 'discovered') THEN max(ts_end) END) AS ended,
            {", ".join(merged)},
            arg_max(event_id, seq) FILTER (kind = 'request') AS request_event_id,
            arg_max(event_id, seq) FILTER (kind NOT IN ('request', 'turn')) AS response_event_id
        FROM {source} WHERE exchange_id IS NOT NULL AND kind NOT IN {NOT_EXCHANGES}
        GROUP BY exchange_id"""


def _merged(column: Column) -> str:
    if column.name in _OF_TURNS:  # while a socket is open, the sum of its turns; then what its last record says
        last = f'arg_max("{column.name}", seq) FILTER ("{column.name}" IS NOT NULL AND kind <> \'turn\')'
        return f'coalesce({last}, sum("{column.name}") FILTER (kind = \'turn\')::BIGINT) AS "{column.name}"'
    return f'arg_max("{column.name}", seq) FILTER ("{column.name}" IS NOT NULL) AS "{column.name}"'


EXCHANGES = View(
    "exchanges",
    "One row per exchange: its request and reply records joined; reply columns are NULL while none has come.",
    exchanges_sql(),
    'SELECT started, "user", service, request_model, http_status FROM exchanges ORDER BY started DESC LIMIT 20',
)
