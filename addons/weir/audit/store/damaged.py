"""Files of the store that cannot be read any more: one of them makes every query fail."""

from __future__ import annotations

from pathlib import Path

import duckdb

from weir.audit.store.parquet import ParquetFiles, quote
from weir.audit.store.tables import LEVELS

__all__ = ["set_aside"]


def set_aside(files: ParquetFiles) -> list[Path]:
    """Move what cannot be read to ``damaged/``; where these files were. Only whether they are Parquet is looked at.

    Raises OSError.
    """
    moved = []
    places = [files.directory(level, table) for level, tables in LEVELS.items() for table in tables]
    for directory in (*places, files.marks):
        for path in sorted(directory.glob("*.parquet")):
            if not _readable(files, path):
                aside = files.root / "damaged" / path.relative_to(files.root)
                aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.replace(aside)
                moved.append(path)
    if moved:
        files.prepare()
    return moved


def _readable(files: ParquetFiles, path: Path) -> bool:
    try:
        files.engine.execute(f"SELECT count(*), sum(num_rows) FROM parquet_file_metadata({quote(path)})").fetchall()
        files.engine.execute(f"SELECT COLUMNS(*)::VARCHAR FROM read_parquet({quote(path)}) LIMIT 1").fetchall()
    except duckdb.Error:
        return False
    return True
