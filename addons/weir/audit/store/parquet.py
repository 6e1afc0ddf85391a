"""The store's Parquet files: where they are, how they come into being whole, how they are read.

Files live in ``<level>/<table>/``. What is complete is renamed into place after an fsync; a reader never sees half a
file. Every row carries ``batch``: in ``hot/`` and ``warm/`` the number of the pass that ingested it, in ``days/`` the
number of its file. By it and by the marks the views decide which rows count.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from weir.audit.columns import BATCH, field_ids, parquet_schema
from weir.audit.spool.segment import sync_directory
from weir.audit.store.tables import LEVELS, STORED

__all__ = ["SEED", "Marks", "ParquetFiles", "open_engine", "publish", "quote"]

# No rows: a pattern must match at least one file. It sorts before all others: the first file of a pattern is opened
# when a query is planned and again when it runs, and must be the same.
SEED = "+seed.parquet"


def quote(text: str | Path) -> str:
    """A string as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def open_engine(memory: str = "512MB", spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB for reading and writing files: one thread, bounded memory, no downloads. Without ``spill``, a
    directory of its own, it never writes rows to a file that nobody looks after."""
    engine = duckdb.connect(config={"threads": 1, "memory_limit": memory, "autoinstall_known_extensions": "false"})
    engine.execute("SET preserve_insertion_order = false")  # it costs memory, and one thread keeps the order anyway
    engine.execute(f"SET temp_directory = {quote(spill or '')}")
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


@dataclass(frozen=True, slots=True)
class Marks:
    """What counts: hot rows above ``warm``, warm rows above ``cold`` and up to ``warm``, and all files under ``days/``
    but those whose numbers are ``hidden``: they are still being written, or other files have their rows."""

    warm: int = 0
    cold: int = 0
    hidden: tuple[int, ...] = ()
    version: int = 0


class ParquetFiles:
    """The files of one store."""

    def __init__(self, root: Path, engine: duckdb.DuckDBPyConnection | None = None, owner: str = "") -> None:
        """``root``: the audit directory, made absolute as the views need it. ``engine``: without one it is opened when
        it is needed, until ``close``. ``owner``: names the files in the making; a name used again after a crash cleans
        up after itself."""
        self.root = root.absolute()
        self._engine, self._own = engine, engine is None
        self._owner = owner or f"{os.getpid()}-{id(self):x}"
        self.temporary = self.root / "tmp"

    @property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """What reads and writes them."""
        if self._engine is None:
            self._engine = open_engine()
        return self._engine

    def close(self) -> None:
        """Let go of an engine that was not given."""
        if self._own and self._engine is not None:
            self._engine.close()
            self._engine = None

    def prepare(self) -> None:
        """Make directories (0700), empty seed files and the marks where they are missing."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.temporary.mkdir(mode=0o700, exist_ok=True)
        seeds: dict[str, bytes] = {}
        for level, tables in LEVELS.items():
            for table in tables:
                directory = self.directory(level, table)
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not (directory / SEED).exists():
                    self._seed(table, directory / SEED, seeds)
        self.marks.mkdir(mode=0o700, exist_ok=True)
        if not any(self.marks.glob("*.parquet")):
            self.write_marks(Marks(), replace=False)

    def _seed(self, table: str, target: Path, made: dict[str, bytes]) -> None:
        """A file without rows; levels that have the same table have the same file."""
        if table not in made:
            self.write(self.nothing(table), table, target, replace=False)
            made[table] = target.read_bytes()
            return
        path = self.scratch(f"{table}.parquet")
        path.write_bytes(made[table])
        publish(path, target, replace=False)

    def directory(self, level: str, table: str) -> Path:
        """Where the files of a table at a level are."""
        return self.root / level / table

    @property
    def marks(self) -> Path:
        """Where it is said which rows count: files of one row, of which the one with the highest ``version`` counts.
        They are added and never replaced: a query may be about to read one."""
        return self.root / "marks"

    def read_marks(self) -> Marks:
        """What counts now."""
        row = self.engine.execute(
            "SELECT warm, cold, hidden, version "
            f"FROM read_parquet({quote(self.marks / '*.parquet')}) ORDER BY version DESC LIMIT 1"
        ).fetchone()
        return Marks(int(row[0]), int(row[1]), tuple(map(int, row[2])), int(row[3])) if row else Marks()

    def write_marks(self, marks: Marks, *, replace: bool = True) -> None:
        """Change what counts for all readers at once, by one rename."""
        made = self.scratch("marks")
        hidden = ", ".join(str(int(number)) for number in marks.hidden)
        self.engine.execute(
            f"COPY (SELECT {int(marks.version)}::UBIGINT AS version, {int(marks.warm)}::UBIGINT AS warm, "
            f"{int(marks.cold)}::UBIGINT AS cold, [{hidden}]::UBIGINT[] AS hidden) "
            f"TO {quote(made)} (FORMAT parquet, COMPRESSION uncompressed)"
        )
        publish(made, self.marks / f"{marks.version:012d}.parquet", replace=replace)

    def forget_marks(self, version: int, may: Callable[[], bool]) -> None:
        """Remove what was said before this version, as long as that ``may`` be done. Raises OSError."""
        for path in self.marks.glob("*.parquet"):
            if int(path.stem) < version and may():
                path.unlink(missing_ok=True)

    def scratch(self, name: str) -> Path:
        """A path for a file in the making, on the same file system, of this owner alone."""
        return self.temporary / f"{self._owner}-{name}"

    def merge(self, table: str, sources: Iterable[Path], first: int, last: int, target: Path) -> None:
        """One file with the rows of several, batches ``first`` to ``last``, in the order given; none without rows."""
        present = [path for path in sources if path.exists()]
        if present:
            rows = f"{self.read(table, present)} WHERE {BATCH.name} BETWEEN {first} AND {last}"
            self.write(f"SELECT * FROM {rows}", table, target)

    def read(self, table: str, source: str | Path | list[Path], options: str = "") -> str:
        """The SQL that reads a table's files (a path, a pattern or a list) under today's columns."""
        paths = "[" + ", ".join(map(quote, source)) + "]" if isinstance(source, list) else quote(source)
        return f"read_parquet({paths}, schema={parquet_schema(STORED[table])}{options})"

    def every(self, level: str, table: str, options: str = "") -> str:
        """The SQL that reads all files of a table at a level."""
        return self.read(table, self.directory(level, table) / "*.parquet", options)

    def filled(self, level: str, table: str) -> bool:
        """Whether there is a file but the one without rows: a directory is read a hundred times faster than that."""
        return any(path.name != SEED for path in self.directory(level, table).glob("*.parquet"))

    def batches(self, level: str, table: str) -> dict[Path, tuple[int, int]]:
        """First and last batch of every file of a level that has rows."""
        if not self.filled(level, table):
            return {}
        found = self.engine.execute(
            f"SELECT filename, min({BATCH.name}), max({BATCH.name}) "
            f"FROM {self.every(level, table, ', filename=true')} GROUP BY 1"
        ).fetchall()
        return {Path(name): (int(first), int(last)) for name, first, last in found}

    def rows(self, level: str, table: str) -> dict[Path, int]:
        """How many rows every file of a level has but the one that never has any."""
        if not self.filled(level, table):
            return {}
        pattern = self.directory(level, table) / "*.parquet"
        found = self.engine.execute(
            f"SELECT file_name, num_rows FROM parquet_file_metadata({quote(pattern)})"
        ).fetchall()
        return {Path(name): int(count) for name, count in found}

    def write(self, query: str, table: str, target: Path, *, replace: bool = True, packing: str = "zstd") -> None:
        """One file of what a query gives: the table's columns in their stored types, and ``batch``. ``packing``: what
        is soon to be written elsewhere is better packed fast."""
        made = self.scratch(f"{table}.parquet")
        self.engine.execute(
            f"COPY ({query}) TO {quote(made)} (FORMAT parquet, COMPRESSION {packing}, ROW_GROUP_SIZE 61440, "
            f"FIELD_IDS {field_ids(STORED[table])})"
        )
        publish(made, target, replace=replace)

    def nothing(self, table: str) -> str:
        """SELECT of a table's stored columns without any row."""
        names = ", ".join(f'NULL::{c.parquet} AS "{c.name}"' for c in (*STORED[table], BATCH))
        return f"SELECT {names} WHERE false"
