"""A store in memory: tables as the views find them in ``audit.duckdb``, filled from chained lines."""

from __future__ import annotations

from typing import Any

import duckdb

from weir.audit.columns import Column
from weir.audit.record import AuditRecord
from weir.audit.spool.lines import GENESIS, encode, read_line, rows_of, seal
from weir.audit.store.tables import STORED
from weir.audit.store.views import MACROS, VIEWS

__all__ = ["MemoryStore"]

_TABLES = ("events", "findings", "tool_calls", "husks")


class MemoryStore:
    """Give it records, then ask it. Every ``write`` is a boot of its own."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.boots = 0
        self.connection.execute("SET TimeZone = 'UTC'")
        for table in _TABLES:
            columns = ", ".join(f'"{column.name}" {column.sql}' for column in STORED[table])
            self.connection.execute(f"CREATE TABLE {table} ({columns})")
        for view in (*VIEWS, *MACROS):
            for statement in view.statements():
                self.connection.execute(statement)

    def write(self, *records: AuditRecord) -> MemoryStore:
        """Chain the records and put their rows into the tables."""
        self.boots += 1
        prev = GENESIS
        for seq, record in enumerate(records, 1):
            line, prev = seal(encode(record, "p1", f"b{self.boots}", seq), prev)
            for table, rows in rows_of(read_line(line)).items():
                for row in rows:
                    self._insert(table, row)
        return self

    def clear(self) -> None:
        """Forget all rows."""
        for table in _TABLES:
            self.connection.execute(f"DELETE FROM {table}")

    def ask(self, text: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(text).fetchall()

    __call__ = ask

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        columns = [column for column in STORED[table] if column.name in row]
        names = ", ".join(f'"{column.name}"' for column in columns)
        values = ", ".join(map(_made, columns))
        given = [row[column.name] for column in columns]
        self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", given)


def _made(column: Column) -> str:
    return "make_timestamp(?::BIGINT)" if column.sql == "TIMESTAMP" else f"?::{column.sql}"
