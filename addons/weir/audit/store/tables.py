"""Which tables the store's files hold: those of a record, and three more that let ``exchanges`` be read fast.

``exchanges`` are exchanges put together once, when they are over. ``open`` holds a copy of the records of those that
are not, ``late`` of those that got another record after they had been put together. ``husks`` is what stays of rows
whose time was over: enough to follow the chain across them.
"""

from __future__ import annotations

from weir.audit.columns import Column
from weir.audit.record import EVENT_COLUMNS, TABLES
from weir.audit.store.views.exchanges import OF_THE_RECORD

__all__ = ["EXCHANGE_COLUMNS", "LEVELS", "STORED", "shown"]

_OF_CHAIN = ("proxy_id", "boot_id", "seq", "ts", "prev_hash", "row_hash")
_EVENT = {column.name: column for column in EVENT_COLUMNS}

EXCHANGE_COLUMNS = (
    _EVENT["exchange_id"],
    _EVENT["kind"],
    Column("started", 9_001, "TIMESTAMP", "BIGINT"),
    Column("ended", 9_002, "TIMESTAMP", "BIGINT"),
    *(column for column in EVENT_COLUMNS if column.name not in OF_THE_RECORD),
    Column("request_event_id", 9_003, "UUID", "VARCHAR"),
    Column("response_event_id", 9_004, "UUID", "VARCHAR"),
)

STORED: dict[str, tuple[Column, ...]] = {
    **TABLES,
    "exchanges": EXCHANGE_COLUMNS,
    "open": EVENT_COLUMNS,
    "late": EVENT_COLUMNS,
    "husks": tuple(_EVENT[name] for name in _OF_CHAIN),
}

# Events last where their order matters: they are what a restart goes by.
_RECORDED = ("late", "tool_calls", "findings", "events")
LEVELS: dict[str, tuple[str, ...]] = {
    "hot": _RECORDED,
    "warm": _RECORDED,
    "days": ("husks", "open", "exchanges", "tool_calls", "findings", "events"),
}


def shown(table: str) -> str:
    """The columns of a table as analysts see them, for a SELECT."""
    return ", ".join(column.shown for column in STORED[table])
