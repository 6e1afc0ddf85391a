"""The store's Parquet files: where they are, how they come into being whole, how they are read.

Files live in ``<level>/<table>/``. What is complete is renamed into place after an fsync; a reader never sees half a
file. Every row carries ``batch``, the number of the pass that ingested it, by which the views decide where it counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import orjson

from weir.audit.columns import BATCH, field_ids, json_columns, parquet_schema
from weir.audit.record import TABLES
from weir.audit.spool.segment import sync_directory

__all__ = ["LEVELS", "ParquetFiles", "open_engine", "publish", "quote"]

LEVELS = ("hot", "warm", "cold")
SEED = "_seed.parquet"  # no rows: a pattern must match at least one file


def quote(text: str | Path) -> str:
    """A string as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def open_engine(memory: str = "512MB") -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB for reading and writing files: one thread, bounded memory, no downloads."""
    engine = duckdb.connect(config={"threads": 1, "memory_limit": memory, "autoinstall_known_extensions": "false"})
    engine.execute("SET temp_directory = ''")  # never spill rows to a directory that nobody looks after
    return engine


def publish(made: Path, target: Path, *, replace: bool = True) -> None:
    """Rename a finished file into place, durably (0640). ``replace=False`` keeps a target that exists already."""
    made.chmod(0o640)
    fd = os.open(made, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    if replace:
        made.replace(target)
    else:
        with suppress(FileExistsError):  # somebody else made the same file first
            os.link(made, target)
        made.unlink()
    sync_directory(target.parent)


class ParquetFiles:
    """The files of one store."""

    def __init__(self, root: Path, engine: duckdb.DuckDBPyConnection, owner: str = "") -> None:
        """``root``: the audit directory, made absolute as the views need it. ``owner``: names the files in the making;
        a name used again after a crash cleans up after itself."""
        self.root = root.absolute()
        self.engine = engine
        self._owner = owner or f"{os.getpid()}-{id(engine):x}"
        self.temporary = self.root / "tmp"

    def prepare(self) -> None:
        """Make directories (0700), empty seed files and the watermark where they are missing."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.temporary.mkdir(mode=0o700, exist_ok=True)
        for level in LEVELS:
            for table in TABLES:
                directory = self.directory(level, table)
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not (directory / SEED).exists():
                    self._copy(f"SELECT {_nulls(table)} WHERE false", table, directory / SEED, replace=False)
        if not self.watermark.exists():
            self.write_watermark((0, 0), replace=False)

    def directory(self, level: str, table: str) -> Path:
        """Where the files of a table at a level are."""
        return self.root / level / table

    @property
    def watermark(self) -> Path:
        """The one-row file that says up to which batch rows count as warm and as cold."""
        return self.root / "watermark.parquet"

    def read_watermark(self) -> tuple[int, int]:
        """The last warm and the last cold batch; 0 for none."""
        row = self.engine.execute(f"SELECT warm, cold FROM read_parquet({quote(self.watermark)})").fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def write_watermark(self, marks: tuple[int, int], *, replace: bool = True) -> None:
        """Move rows from level to level for all readers at once, by one rename."""
        made = self.scratch("watermark")
        self.engine.execute(
            f"COPY (SELECT {int(marks[0])}::UBIGINT AS warm, {int(marks[1])}::UBIGINT AS cold) "
            f"TO {quote(made)} (FORMAT parquet, COMPRESSION uncompressed)"
        )
        publish(made, self.watermark, replace=replace)

    def scratch(self, name: str) -> Path:
        """A path for a file in the making, on the same file system, of this owner alone."""
        return self.temporary / f"{self._owner}-{name}"

    def write_rows(self, table: str, rows: list[dict[str, Any]], batch: int, target: Path) -> None:
        """One file of rows (as ``lines.rows_of`` gives them). Without rows the target is left out, or emptied."""
        if not rows:
            if target.exists():
                self.empty(table, target)
            return
        staged = self.scratch(f"{table}.json")
        staged.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        columns = TABLES[table]
        names = ", ".join(f'{c.stored} AS "{c.name}"' for c in columns)
        source = (
            f"read_json({quote(staged)}, format='newline_delimited', columns={json_columns(columns)}, "
            f"maximum_object_size={64 << 20})"
        )
        self._copy(f"SELECT {names}, {batch}::UBIGINT AS {BATCH.name} FROM {source}", table, target)
        staged.unlink()

    def merge(self, table: str, sources: Iterable[Path], first: int, last: int, target: Path) -> None:
        """One file with the rows of several, batches ``first`` to ``last``, in the order given."""
        present = [path for path in sources if path.exists()]
        if not present:
            self.write_rows(table, [], 0, target)
            return
        self._copy(
            f"SELECT * FROM {self.read(table, present)} WHERE {BATCH.name} BETWEEN {first} AND {last}", table, target
        )

    def empty(self, table: str, target: Path) -> None:
        """Replace a file by one without rows: readers that listed it must still find it."""
        self._copy(f"SELECT {_nulls(table)} WHERE false", table, target)

    def read(self, table: str, source: str | Path | list[Path], options: str = "") -> str:
        """The SQL that reads a table's files (a path, a pattern or a list) under today's columns."""
        paths = "[" + ", ".join(map(quote, source)) + "]" if isinstance(source, list) else quote(source)
        return f"read_parquet({paths}, schema={parquet_schema(TABLES[table])}{options})"

    def batches(self, level: str, table: str) -> dict[Path, tuple[int, int]]:
        """First and last batch of every file of a level that has rows."""
        found = self.engine.execute(
            f"SELECT filename, min({BATCH.name}), max({BATCH.name}) "
            f"FROM {self.read(table, self.directory(level, table) / '*.parquet', ', filename=true')} GROUP BY 1"
        ).fetchall()
        return {Path(name): (int(first), int(last)) for name, first, last in found}

    def _copy(self, query: str, table: str, target: Path, *, replace: bool = True) -> None:
        made = self.scratch(f"{table}.parquet")
        self.engine.execute(
            f"COPY ({query}) TO {quote(made)} (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {field_ids(TABLES[table])})"
        )
        publish(made, target, replace=replace)


def _nulls(table: str) -> str:
    return ", ".join(f'NULL::{c.parquet} AS "{c.name}"' for c in (*TABLES[table], BATCH))
