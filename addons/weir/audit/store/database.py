"""``audit.duckdb``: views over the Parquet files, readable with stock DuckDB at any moment while records come in.

The file holds no data. It is built beside and renamed into place, and only when its definitions change, so that nobody
who has it open is disturbed. DuckDB's views need absolute paths, and all ask one macro for the place: when the
directory was moved, the next ``ensure`` (any of weir's commands, or the ingester's start) gives the file a new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb

from weir.audit.evidence.table import COMMENT, LOG, checkpoints_none, checkpoints_sql
from weir.audit.evidence.table import made as log_made
from weir.audit.store.parquet import ParquetFiles, quote
from weir.audit.store.views import MACROS, VIEWS, described
from weir.audit.store.views.exchanges import EXCHANGES
from weir.audit.store.visible import exchanges, visible

__all__ = ["ask", "connect", "ensure", "path_of", "sql"]

_PLACE = "weir_place"


def path_of(data_dir: Path) -> Path:
    """Where the store of a data directory is."""
    return data_dir.absolute() / "audit" / "audit.duckdb"


@dataclass(frozen=True, slots=True)
class _Definitions:
    """``anywhere``: what holds in every place. ``here``: what names this one, and comes first."""

    anywhere: list[str]
    here: list[str]

    @property
    def versions(self) -> tuple[str, str]:
        """Of all, and of what holds in every place."""
        every, anywhere = ("\n".join(some).encode() for some in ([*self.here, *self.anywhere], self.anywhere))
        return hashlib.sha256(every).hexdigest(), hashlib.sha256(anywhere).hexdigest()


def _definitions(files: ParquetFiles) -> _Definitions:
    real = {table: visible(files, table) for table in described.TABLES} | {EXCHANGES.name: exchanges(files)}
    comments = {**described.TABLES, EXCHANGES.name: EXCHANGES.comment, "checkpoints": COMMENT}
    # DuckDB plans a view when it is made: over stand-ins without rows that takes a fifth of the time.
    anywhere = [f"CREATE VIEW {name} AS {described.bare(name)}" for name in real]
    anywhere.append(f"CREATE VIEW checkpoints AS {checkpoints_none()}")
    for view in (*VIEWS, *MACROS):
        anywhere += view.statements() if view.name != EXCHANGES.name else []
    for name, select in (real | {"checkpoints": checkpoints_sql(files.root / LOG)}).items():
        anywhere.append(f"CREATE OR REPLACE VIEW {name} AS {_placeless(select, files.root)}")
        anywhere.append(f"COMMENT ON VIEW {name} IS {quote(comments[name])}")
    here = [f"CREATE OR REPLACE MACRO {_PLACE}() AS {quote(files.root)}"]
    here.append(f"COMMENT ON MACRO {_PLACE} IS 'The directory that the files of all views are in.'")
    return _Definitions(anywhere, here)


def _placeless(select: str, root: Path) -> str:
    """The same, its files' directory asked of the macro: to plan these views anew takes longest of all."""
    return select.replace(quote(f"{root}/")[:-1], f"{_PLACE}() || '/")


def ensure(audit_dir: Path, engine: duckdb.DuckDBPyConnection | None = None) -> Path:
    """Make the store, or make it anew when its definitions or its place have changed; its path.

    When only its place has changed, the rest is taken over from the file that is there. ``engine``: one that is open
    anyway, and nobody else's in the meantime. Raises OSError or duckdb.Error when it cannot be written.
    """
    audit_dir = audit_dir.absolute()
    target = audit_dir / "audit.duckdb"
    files = ParquetFiles(audit_dir, engine)  # mostly all is well, and no engine needed
    made, moved = files.scratch("audit.duckdb"), files.scratch("moved.duckdb")
    try:
        files.prepare()
        log_made(audit_dir / LOG)
        definitions = _definitions(files)
        before, now = _versions(target), definitions.versions
        if before == now:
            return target
        if before[1] == now[1]:
            with suppress(duckdb.Error):  # a file that is damaged somewhere: there is nothing in it to be missed
                shutil.copyfile(target, moved)
                _write(files.engine, moved, "moved", definitions.here, now)
                moved.replace(target)
                return target
        _write(files.engine, made, "made", definitions.here + definitions.anywhere, now)
        made.replace(target)
        return target
    finally:
        files.close()
        made.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)


def _write(
    engine: duckdb.DuckDBPyConnection, path: Path, name: str, statements: list[str], versions: tuple[str, str]
) -> None:
    """Define all that in a file, new or old, attached under a name of its own: a broken one may not be let go."""
    # The older storage version lets DuckDB 1.4 and later open the file.
    engine.execute(f"ATTACH {quote(path)} AS {name} (STORAGE_VERSION 'v1.4.0')")
    version, anywhere = map(quote, versions)
    told = (
        f"CREATE OR REPLACE VIEW weir_store AS SELECT {version} AS version, {anywhere} AS anywhere",
        "COMMENT ON VIEW weir_store IS 'Which definitions this file was built from.'",
    )
    engine.execute(f"USE {name}")
    engine.execute("BEGIN")  # each for itself would be written twice, and looked up in a catalogue of its own
    try:
        engine.execute(";\n".join((*statements, *told)))
        engine.execute("COMMIT")
    except duckdb.Error:
        for undo in ("ROLLBACK", "USE memory", f"DETACH {name}"):
            with suppress(duckdb.Error):  # the fault may have ended it; a broken file may not be let go
                engine.execute(undo)
        raise
    engine.execute("USE memory")
    engine.execute(f"DETACH {name}")
    path.chmod(0o640)


def _versions(target: Path) -> tuple[str, str]:
    try:
        stat = target.stat()
    except FileNotFoundError:
        return "", ""
    return _told(target, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _told(target: Path, *_: int) -> tuple[str, str]:
    """What a file says, which takes longer to open than most questions to answer; as long as it is the same file."""
    try:
        with duckdb.connect(target, read_only=True) as connection:
            row = connection.execute("SELECT version, anywhere FROM weir_store").fetchone()
    except duckdb.Error:
        return "", ""  # not a store, or one that was damaged: it holds no data and is made anew
    return (str(row[0]), str(row[1])) if row else ("", "")


def connect(data_dir: Path, memory: str = "") -> duckdb.DuckDBPyConnection:
    """A connection that reads the store of a data directory, made when missing, and reaches no file outside it.

    ``memory``: a bound in DuckDB's words; beyond it rows go to ``audit/tmp``. Without it DuckDB takes what it needs.
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
            *([f"SET memory_limit = {quote(memory)}", "SET preserve_insertion_order = false"] if memory else []),
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
    # A query that takes minutes may miss a file that was removed meanwhile (readers.py). A mistake fails again.
    with suppress(duckdb.Error):
        return _table(connection.execute(query, list(values)))
    return _table(connection.execute(query, list(values)))


def _table(result: duckdb.DuckDBPyConnection) -> tuple[list[str], list[tuple[Any, ...]]]:
    return [column[0] for column in result.description or []], result.fetchall()
