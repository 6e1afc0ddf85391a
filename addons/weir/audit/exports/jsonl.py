"""JSON lines: a row as it is, with its columns under their own names and its findings and tool calls inside.

What ``weir audit sql --format json`` and the spool call a column is called the same here. Hashes are left in, so that a
receiver can hold a row against a checkpoint.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from weir.audit.columns import Column
from weir.audit.exports.row import Row, children, kept, micros, words
from weir.audit.record import PARENT_COLUMNS, TABLES

__all__ = ["document", "jsonl"]

_PARENT = {column.name for column in PARENT_COLUMNS}


def document(row: Row) -> dict[str, Any]:
    """The row's known columns; times are integer µs since the epoch, as in the spool."""
    doc = _columns(row, TABLES["events"], frozenset())
    for name in ("findings", "tool_calls"):
        doc[name] = [_columns(child, TABLES[name], frozenset(_PARENT)) for child in children(row, name)]
    return kept(doc)


def jsonl(row: Row) -> bytes:
    """One line with its newline."""
    return orjson.dumps(document(row)) + b"\n"


def _columns(row: Row, columns: tuple[Column, ...], left_out: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in columns:
        value = row.get(column.name)
        if column.name in left_out or value is None:
            continue
        if isinstance(value, datetime):
            value = micros(row, column.name)
        elif isinstance(value, str):
            value = value.encode("utf-8", "replace").decode()
        elif isinstance(value, list | tuple):
            value = words(row, column.name)
        elif not isinstance(value, int):
            value = str(value)  # a UUID of the store
        if column.accepts(value):
            found[column.name] = value
    return found
