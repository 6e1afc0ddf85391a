"""Files of the store that cannot be read: one of them makes every query fail. And stores of an older layout."""

from __future__ import annotations

from pathlib import Path

import duckdb

from weir.audit.store.parquet import ParquetFiles, quote
from weir.audit.store.tables import LEVELS

__all__ = ["set_aside", "set_aside_older"]

_OLDER = ("cold", "warm", "hot", "watermark.parquet", "cursor.json")


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


def set_aside_older(root: Path) -> bool:
    """Move a store of the layout from before day files to ``before/``, with its cursor: it is made anew from the spool.
    Whether there was one. Raises OSError."""
    if not (root / "cold").is_dir():
        return False
    before = root / "before"
    before.mkdir(mode=0o700, exist_ok=True)
    for name in reversed(_OLDER):  # what tells that there is one goes last
        if (root / name).exists():
            (root / name).replace(before / name)
    return True
