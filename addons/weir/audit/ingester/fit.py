"""Spool lines on their way to the store: what is in a line is looked at, and the line goes on as it is.

DuckDB reads the lines itself. What it would read wrongly is stopped here: values of the wrong type, lines that do not
say which record they are. A line with members that are no columns is written anew without them.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import orjson

from weir.audit.columns import INT64_MAX, Column
from weir.audit.record import PARENT_COLUMNS, TABLES
from weir.audit.spool.lines import BadLine, read_line

__all__ = ["Fitting", "fit"]

_PYTHON = {"VARCHAR": str, "BOOLEAN": bool, "VARCHAR[]": list, "BIGINT": int, "UBIGINT": int}
_CHILDREN = ("findings", "tool_calls")
_SHAPES_MAX = 4_096

Getter = Callable[[dict[str, Any]], tuple[Any, ...]]


class _Kind:
    """The members that an object may have. Lines are of few shapes: one that was looked at member by member, and fits,
    is known from then on by the names and types of its members, and only its numbers and lists are looked at."""

    def __init__(self, columns: tuple[Column, ...], others: tuple[str, ...] = ()) -> None:
        self.columns = {column.name: column for column in columns}
        self._types = {column.name: _PYTHON[column.json] for column in columns} | dict.fromkeys(others, list)
        self._shapes: dict[tuple[Any, ...], tuple[Getter, tuple[str, ...]]] = {}

    def fits(self, doc: dict[str, Any]) -> bool:
        """True when all members are known. Raises BadLine when one of them has the wrong type."""
        shape = (*doc, *map(type, doc.values()))
        known = self._shapes.get(shape)
        if known is not None:
            found = known[0](doc)
            if min(found) >= 0 and max(found) <= INT64_MAX:
                return all(self.columns[name].accepts(doc[name]) for name in known[1]) or self._looked_at(doc, shape)
        return self._looked_at(doc, shape)

    def _looked_at(self, doc: dict[str, Any], shape: tuple[Any, ...]) -> bool:
        strange = False
        for name, value in doc.items():
            column = self.columns.get(name)
            if column is not None and not column.accepts(value):
                raise BadLine(f"{name} has the wrong type")
            strange = strange or (column is None and name not in self._types)
        if not strange:
            if len(self._shapes) >= _SHAPES_MAX:
                self._shapes.clear()
            numbers = [name for name, value in doc.items() if type(value) is int]
            lists = tuple(name for name, value in doc.items() if type(value) is list and name in self.columns)
            self._shapes[shape] = (itemgetter(*numbers, *numbers) if numbers else _no_numbers), lists
        return not strange

    def only(self, doc: dict[str, Any]) -> dict[str, Any]:
        """The same without members that are not known."""
        return {name: value for name, value in doc.items() if name in self._types}


def _no_numbers(doc: dict[str, Any]) -> tuple[int, ...]:
    return (0,)


_EVENT = _Kind(TABLES["events"], _CHILDREN)
_OF = {table: _Kind(TABLES[table][len(PARENT_COLUMNS) :]) for table in _CHILDREN}


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
    known = _EVENT.fits(doc)
    for name in _CHILDREN:
        children = doc.get(name)
        if children is None:
            continue
        if type(children) is not list:
            raise BadLine(f"{name} is no list of objects")
        for child in children:
            if type(child) is not dict:
                raise BadLine(f"{name} is no list of objects")
            known = _OF[name].fits(child) and known
    if f"{doc['proxy_id']}-{doc['boot_id']}" != chain:
        raise BadLine("it belongs to another chain")
    if not known:
        doc = _EVENT.only(doc)
        for name in _CHILDREN:
            if doc.get(name):
                doc[name] = [_OF[name].only(child) for child in doc[name]]
        line = orjson.dumps(doc, option=orjson.OPT_APPEND_NEWLINE)
    return Fitting(line, doc)
