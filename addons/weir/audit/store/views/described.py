"""What there is to ask, for those who have not opened the store yet: names, parameters, columns and their types."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from weir.audit.evidence.table import COMMENT, checkpoints_none
from weir.audit.store.tables import STORED
from weir.audit.store.views import MACROS, VIEWS
from weir.audit.store.views.shape import Macro

__all__ = ["TABLES", "Described", "bare", "columns_of", "described", "in_memory"]

TABLES = {
    "events": "Every audit record, as it was written: requests, replies, blocks, metered connections, gaps.",
    "findings": "What detectors found, by event. Never the text that matched.",
    "tool_calls": "Tool calls that models asked for, by event.",
    "husks": "What stays of rows whose time was over: where they stood in the chain.",
}


@dataclass(frozen=True, slots=True)
class Described:
    """``kind``: table, view or macro. ``parameters``: of a macro, ``name`` or ``name := default``. ``sql``: how it is
    made; empty for a table."""

    name: str
    kind: str
    parameters: tuple[str, ...]
    comment: str
    example: str
    sql: str


def described() -> list[Described]:
    """All that the store has, tables first. A view and a macro may share a name."""
    found = [Described(name, "table", (), text, f"FROM {name} LIMIT 20", "") for name, text in TABLES.items()]
    found.append(Described("checkpoints", "table", (), COMMENT, "FROM checkpoints ORDER BY number DESC LIMIT 20", ""))
    for view in (*VIEWS, *MACROS):
        macro = isinstance(view, Macro)
        params = view.params if isinstance(view, Macro) else ()
        named = tuple(f"{one.name} := {one.default}" if one.default else one.name for one in params)
        sql = textwrap.dedent(view.sql).strip("\n")
        found.append(Described(view.name, "macro" if macro else "view", named, view.comment, view.query, sql))
    return found


def bare(name: str) -> str:
    """SELECT of a table's columns, or those of ``exchanges``, without rows."""
    return f"SELECT {', '.join(f'NULL::{one.sql} AS "{one.name}"' for one in STORED[name])} WHERE false"


@contextmanager
def in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A store without rows and files."""
    connection = duckdb.connect(config={"threads": 1})
    try:
        for table in TABLES:
            connection.execute(f"CREATE VIEW {table} AS {bare(table)}")
        connection.execute(f"CREATE VIEW checkpoints AS {checkpoints_none()}")
        for view in (*VIEWS, *MACROS):
            for statement in view.statements():
                connection.execute(statement)
        yield connection
    finally:
        connection.close()


def columns_of(one: Described) -> list[tuple[str, str]]:
    """Name and type of each column that it gives."""
    given = [part for part in one.parameters if ":=" not in part]
    call = f"{one.name}({', '.join('NULL' for _ in given)})" if one.kind == "macro" else one.name
    with in_memory() as connection:
        rows = connection.execute(f"DESCRIBE FROM {call}").fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]
