"""Spool lines on their way to the store: what is in a line is looked at, and the line goes on as it is.

DuckDB reads the lines itself. What it would read wrongly is stopped here: values of the wrong type, lines that do not
say which record they are. A line with members that are no columns is written anew without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from weir.audit.columns import Column
from weir.audit.record import PARENT_COLUMNS, TABLES
from weir.audit.spool.lines import BadLine, read_line

__all__ = ["Fitting", "fit"]

_PYTHON = {"VARCHAR": str, "BOOLEAN": bool, "VARCHAR[]": list, "BIGINT": int, "UBIGINT": int}
_CHILDREN = ("findings", "tool_calls")


def _types(columns: tuple[Column, ...]) -> dict[str, tuple[type, Column]]:
    return {column.name: (_PYTHON[column.json], column) for column in columns}


_EVENT = _types(TABLES["events"])
_OF = {table: _types(TABLES[table][len(PARENT_COLUMNS) :]) for table in _CHILDREN}


class Fitting:
    """A line that fits: its bytes, which record it is, how many children of each table it has."""

    __slots__ = ("doc", "findings", "line", "seq", "tool_calls")

    def __init__(self, line: bytes, doc: dict[str, Any]) -> None:
        self.line, self.doc = line, doc
        self.seq: int = doc["seq"]
        self.findings = len(doc.get("findings") or ())
        self.tool_calls = len(doc.get("tool_calls") or ())


def fit(line: bytes, chain: str) -> Fitting:
    """A line of the chain ``<proxy_id>-<boot_id>``, with known columns only. Raises BadLine."""
    doc = read_line(line)
    if not (doc.get("proxy_id") and doc.get("boot_id") and doc.get("seq")):
        raise BadLine("it lacks proxy_id, boot_id or seq")
    strange = _strangers(doc, _EVENT)
    for name in _CHILDREN:
        children = doc.get(name)
        if children is None:
            continue
        if type(children) is not list or not all(type(child) is dict for child in children):
            raise BadLine(f"{name} is no list of objects")
        strange -= 1  # no column, but known
        strange += sum(1 for child in children if _strangers(child, _OF[name]))
    strange -= sum(1 for name in _CHILDREN if name in doc and doc[name] is None)
    if f"{doc['proxy_id']}-{doc['boot_id']}" != chain:
        raise BadLine("it belongs to another chain")
    if strange:
        doc = {name: value for name, value in doc.items() if name in _EVENT or name in _CHILDREN}
        for name in _CHILDREN:
            if doc.get(name):
                doc[name] = [{key: child[key] for key in child if key in _OF[name]} for child in doc[name]]
        line = orjson.dumps(doc, option=orjson.OPT_APPEND_NEWLINE)
    return Fitting(line, doc)


def _strangers(doc: Mapping[str, Any], types: dict[str, tuple[type, Column]]) -> int:
    """How many members are no columns. Raises BadLine when a column has the wrong type."""
    strange = 0
    for name, value in doc.items():
        known = types.get(name)
        if known is None:
            strange += 1
        elif type(value) is known[0]:
            # A number has bounds, a list has items; the rest is decided without a call.
            if known[0] in (int, list) and not known[1].accepts(value):
                raise BadLine(f"{name} has the wrong type")
        elif value is not None:
            raise BadLine(f"{name} has the wrong type")
    return strange
