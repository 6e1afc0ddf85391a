"""``audit.duckdb``: views over the Parquet files, readable with stock DuckDB at any moment while records come in.

The file holds no data. It is built beside and renamed into place, and only when its definitions change, so that nobody
who has it open is disturbed. DuckDB's views need absolute paths: when the directory was moved, the next ``ensure`` (any
of weir's commands, or the ingester's start) builds the file anew for the new place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from weir.audit.evidence.table import COMMENT, LOG, checkpoints_sql
from weir.audit.evidence.table import made as log_made
from weir.audit.store.parquet import ParquetFiles, open_engine, quote
from weir.audit.store.views import MACROS, VIEWS, described
from weir.audit.store.views.exchanges import EXCHANGES
from weir.audit.store.visible import exchanges, visible

__all__ = ["ask", "connect", "ensure", "path_of", "sql"]


def path_of(data_dir: Path) -> Path:
    """Where the store of a data directory is."""
    return data_dir.absolute() / "audit" / "audit.duckdb"


def _definitions(files: ParquetFiles) -> list[str]:
    real = {table: visible(files, table) for table in described.TABLES} | {EXCHANGES.name: exchanges(files)}
    comments = {**described.TABLES, EXCHANGES.name: EXCHANGES.comment}
    # DuckDB plans a view when it is made: over stand-ins without rows that takes a fifth of the time.
    statements = [f"CREATE VIEW {name} AS {described.bare(name)}" for name in real]
    statements.append(f"CREATE VIEW checkpoints AS {checkpoints_sql(files.root / LOG)}")
    statements.append(f"COMMENT ON VIEW checkpoints IS {quote(COMMENT)}")
    for view in (*VIEWS, *MACROS):
        statements += view.statements() if view.name != EXCHANGES.name else []
    for name, select in real.items():
        statements.append(f"CREATE OR REPLACE VIEW {name} AS {select}")
        statements.append(f"COMMENT ON VIEW {name} IS {quote(comments[name])}")
    return statements


def ensure(audit_dir: Path) -> Path:
    """Make the store, or make it anew when its definitions or its place have changed; its path.

    Raises OSError or duckdb.Error when it cannot be written.
    """
    audit_dir = audit_dir.absolute()
    target = audit_dir / "audit.duckdb"
    engine = open_engine()
    files = ParquetFiles(audit_dir, engine)
    made = files.scratch("audit.duckdb")
    try:
        files.prepare()
        log_made(audit_dir / LOG)
        statements = _definitions(files)
        version = hashlib.sha256("\n".join(statements).encode()).hexdigest()
        if _version(target) == version:
            return target
        # The older storage version lets DuckDB 1.4 and later open the file.
        engine.execute(f"ATTACH {quote(made)} AS made (STORAGE_VERSION 'v1.4.0')")
        engine.execute("USE made")
        for statement in statements:
            engine.execute(statement)
        engine.execute(f"CREATE VIEW weir_store AS SELECT {quote(version)} AS version")
        engine.execute("COMMENT ON VIEW weir_store IS 'Which definitions this file was built from.'")
        engine.execute("USE memory")
        engine.execute("DETACH made")
        made.chmod(0o640)
        made.replace(target)
        return target
    finally:
        engine.close()
        made.unlink(missing_ok=True)


def _version(target: Path) -> str:
    if not target.exists():
        return ""
    try:
        with duckdb.connect(target, read_only=True) as connection:
            row = connection.execute("SELECT version FROM weir_store").fetchone()
    except duckdb.Error:
        return ""  # not a store, or one that was damaged: it holds no data and is made anew
    return str(row[0]) if row else ""


def connect(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """A connection that reads the store of a data directory, made when missing, and reaches no file outside it.

    Statements that write files inside it are refused by ``query.py``: DuckDB itself cannot tell reading from writing
    there. Raises OSError, duckdb.Error.
    """
    target = path_of(data_dir)
    if os.access(target.parent, os.W_OK) or not target.parent.exists():
        ensure(target.parent)
    # In an instance of its own: DuckDB shares one, locked settings included, among all who open a file in a process.
    connection = duckdb.connect(config={"python_enable_replacements": "false"})
    try:
        for statement in (
            "SET TimeZone = 'UTC'",
            f"SET temp_directory = {quote(target.parent / 'tmp')}",
            f"ATTACH {quote(target)} AS audit (READ_ONLY)",
            "USE audit",
            f"SET allowed_directories = [{quote(f'{target.parent}/')}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            connection.execute(statement)
    except duckdb.Error:
        connection.close()
        raise
    return connection


def sql(data_dir: Path, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one query of weir's own on the store. Raises duckdb.Error."""
    with connect(data_dir) as connection:
        return ask(connection, text)


def ask(
    connection: duckdb.DuckDBPyConnection, query: str | duckdb.Statement, values: Sequence[Any] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a query on a connection to the store. Raises duckdb.Error."""
    # A query can catch a slot in the instant it is written anew (about 1 in 20,000). A mistake fails again.
    with suppress(duckdb.Error):
        return _table(connection.execute(query, list(values)))
    return _table(connection.execute(query, list(values)))


def _table(result: duckdb.DuckDBPyConnection) -> tuple[list[str], list[tuple[Any, ...]]]:
    return [column[0] for column in result.description or []], result.fetchall()
