"""The log of checkpoints as a table for SQL: each line of the file is a row, read where it is."""

from __future__ import annotations

from pathlib import Path

__all__ = ["COMMENT", "LOG", "checkpoints_none", "checkpoints_sql", "made"]

LOG = "checkpoints.jsonl"

COMMENT = "What was signed: checkpoints of each boot's rows; other entries (files, keys) have no boot_id, size, root."
_COLUMNS = {
    "proxy_id": "VARCHAR",
    "number": "UBIGINT",
    "ts": "BIGINT",
    "boot_id": "VARCHAR",
    "size": "UBIGINT",
    "root": "VARCHAR",
    "prev_checkpoint": "VARCHAR",
    "key_id": "VARCHAR",
    "note": "VARCHAR",
}


def made(log: Path) -> Path:
    """The log, made empty where there is none: DuckDB wants a file. Raises OSError."""
    log.touch(mode=0o640, exist_ok=True)
    return log


def checkpoints_none() -> str:
    """SELECT of the same columns, without rows and without a file."""
    kinds = {**_COLUMNS, "ts": "TIMESTAMP"}
    return f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in kinds.items())} WHERE false"


def checkpoints_sql(log: Path) -> str:
    """SELECT of all entries. A line that is being written is no row yet."""
    path = str(log.absolute()).replace("'", "''")
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in _COLUMNS.items())
    names = ", ".join("make_timestamp(ts) AS ts" if name == "ts" else name for name in _COLUMNS)
    return (
        f"SELECT {names} FROM read_json('{path}', format = 'newline_delimited', columns = {{{columns}}}, "
        "ignore_errors = true) WHERE note IS NOT NULL"
    )
