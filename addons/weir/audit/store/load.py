"""Spool lines into Parquet files: DuckDB reads them once, with their findings and tool calls, and writes each table."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import orjson

from weir.audit.columns import BATCH, Column
from weir.audit.record import PARENT_COLUMNS, TABLES
from weir.audit.store.parquet import ParquetFiles, quote

__all__ = ["STAGED", "stage", "staged", "unstage"]

STAGED = "staged"  # the table that holds the rows of one pass
_LINE_MAX = 64 << 20
_CHILDREN = ("findings", "tool_calls")


def _own(table: str) -> tuple[Column, ...]:
    return TABLES[table][len(PARENT_COLUMNS) :]


def _json_columns() -> str:
    members = [f"'{column.name}': '{column.json}'" for column in TABLES["events"]]
    for table in _CHILDREN:
        fields = ", ".join(f'"{column.name}" {column.json}' for column in _own(table))
        members.append(f"'{table}': 'STRUCT({fields})[]'")
    return "{" + ", ".join(members) + "}"


def stage(files: ParquetFiles, lines: list[bytes]) -> None:
    """Make the lines the rows of ``STAGED``; the order stays. Raises OSError, duckdb.Error."""
    path = files.scratch("lines.json")
    query = (
        f"CREATE OR REPLACE TEMP TABLE {STAGED} AS FROM read_json({quote(path)}, format='newline_delimited', "
        f"columns={_json_columns()}, maximum_object_size={_LINE_MAX})"
    )
    try:
        _spill(path, lines)
        try:
            files.engine.execute(query)
        except duckdb.InvalidInputException:  # JSON that only one of two readers takes, as a member given twice
            _spill(path, [orjson.dumps(orjson.loads(line), option=orjson.OPT_APPEND_NEWLINE) for line in lines])
            files.engine.execute(query)
    finally:
        path.unlink(missing_ok=True)


def _spill(path: Path, lines: list[bytes]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.writelines(lines)


def staged(table: str, batch: int) -> str:
    """SELECT of a table's rows out of ``STAGED``, as they are stored."""
    number = f"{int(batch)}::UBIGINT AS {BATCH.name}"
    if table == "events":
        names = ", ".join(f'{column.stored} AS "{column.name}"' for column in TABLES["events"])
        return f"SELECT {names}, {number} FROM {STAGED}"
    of_event = ", ".join(f'{column.stored} AS "{column.name}"' for column in PARENT_COLUMNS)
    names = ", ".join([*(f'"{c.name}"' for c in PARENT_COLUMNS), *(f'one."{c.name}"' for c in _own(table))])
    children = f"SELECT {of_event}, unnest({table}) AS one FROM {STAGED} WHERE len({table}) > 0"
    return f"SELECT {names}, {number} FROM ({children})"


def unstage(files: ParquetFiles) -> None:
    """Let go of the rows."""
    files.engine.execute(f"DROP TABLE IF EXISTS {STAGED}")
