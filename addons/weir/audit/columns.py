"""How a field of a row class becomes a column: one declaration gives its JSON, Parquet and SQL form.

A row class declares ``name: type = col(number, default)``. The number is the column's Parquet field id: it is how old
files are read after a column was added, renamed or moved, so a number is never changed and never given out twice.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

__all__ = ["BATCH", "Column", "col", "columns_of", "field_ids", "json_columns", "parquet_schema"]

INT64_MAX = 2**63 - 1
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999  # years 1 to 9999
ELEMENT_IDS = 10_000  # list elements need ids of their own in Parquet


@dataclass(frozen=True, slots=True)
class Column:
    """One column: ``sql`` is its type for analysts, ``json`` its type in a spool line."""

    name: str
    number: int
    sql: str
    json: str

    @property
    def parquet(self) -> str:
        """Its type in Parquet. JSON is kept as text: DuckDB 1.4 does not know the type when it reads a file."""
        return "VARCHAR" if self.sql == "JSON" else self.sql

    @property
    def stored(self) -> str:
        """SQL that turns the JSON value into the stored one; what cannot be converted becomes NULL, never an error."""
        if self.sql == "TIMESTAMP":
            # Of years 1 to 9999: of others DuckDB raises an error, or gives them to no Python.
            return f'CASE WHEN "{self.name}" BETWEEN {_FIRST_US} AND {_LAST_US} THEN make_timestamp("{self.name}") END'
        if self.sql == self.json:
            return f'"{self.name}"'
        return f'try_cast("{self.name}" AS {self.sql})::{self.parquet}'

    @property
    def shown(self) -> str:
        """SQL that turns the stored value into what analysts see, under the column's name."""
        return f'"{self.name}"' if self.parquet == self.sql else f'"{self.name}"::{self.sql} AS "{self.name}"'

    def accepts(self, value: object) -> bool:
        """True when ``value`` (from JSON) fits the column; None always does."""
        if value is None:
            return True
        if self.json == "VARCHAR":
            return type(value) is str
        if self.json == "BOOLEAN":
            return type(value) is bool
        if self.json == "VARCHAR[]":
            return type(value) is list and all(type(item) is str for item in value)
        return type(value) is int and (0 if self.json == "UBIGINT" else -INT64_MAX) <= value <= INT64_MAX


BATCH = Column("batch", 9_999, "UBIGINT", "UBIGINT")  # which ingest pass wrote a row; the views filter by it, hide it


def col[T](number: int, default: T, sql: str = "") -> T:
    """A dataclass field that is a column; ``sql`` overrides the type that follows from the annotation."""
    made: T = field(default=default, metadata={"number": number, "sql": sql})
    return made


def columns_of(row_class: type) -> tuple[Column, ...]:
    """The columns a row class declares, in its order. Raises TypeError for a type that no column can have."""
    hints = typing.get_type_hints(row_class)
    found = []
    for item in fields(cast("Any", row_class)):
        if "number" not in item.metadata:
            continue
        base = _json_type(hints[item.name], item.name)
        sql = item.metadata["sql"] or base
        found.append(Column(item.name, item.metadata["number"], sql, "UBIGINT" if sql == "UBIGINT" else base))
    return tuple(found)


def _json_type(hint: Any, name: str) -> str:
    if hint == tuple[str, ...]:
        return "VARCHAR[]"
    plain = [part for part in (typing.get_args(hint) or (hint,)) if part is not type(None)]
    types: Mapping[Any, str] = {int: "BIGINT", str: "VARCHAR", bool: "BOOLEAN"}
    if len(plain) != 1 or plain[0] not in types:
        raise TypeError(f"column {name}: only int, str, bool and tuple[str, ...] can be columns")
    return types[plain[0]]


def json_columns(columns: tuple[Column, ...]) -> str:
    """The ``columns=`` argument of ``read_json`` for these columns."""
    return "{" + ", ".join(f"'{c.name}': '{c.json}'" for c in columns) + "}"


def field_ids(columns: tuple[Column, ...]) -> str:
    """The ``FIELD_IDS`` option of ``COPY`` for these columns and the batch."""
    parts = []
    for c in (*columns, BATCH):
        if c.sql.endswith("[]"):
            parts.append(f'"{c.name}": {{__duckdb_field_id: {c.number}, element: {ELEMENT_IDS + c.number}}}')
        else:
            parts.append(f'"{c.name}": {c.number}')
    return "{" + ", ".join(parts) + "}"


def parquet_schema(columns: tuple[Column, ...]) -> str:
    """The ``schema=`` argument of ``read_parquet``: reads old files too, with NULL for columns they lack.

    As one text that is cast: DuckDB works through a MAP of structs, member by member, for each time it is named."""
    parts = (f"{c.number}={{name: {c.name}, type: {c.parquet}, default_value: NULL}}" for c in (*columns, BATCH))
    return "'{" + ", ".join(parts) + "}'::MAP(INTEGER, STRUCT(name VARCHAR, type VARCHAR, default_value VARCHAR))"
