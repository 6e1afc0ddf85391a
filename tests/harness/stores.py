"""Empty stores out of a copy: to make one takes half a second, and hundreds of tests begin with one.

What is copied is what ``ensure`` has made once in this process; what it does with a copy is what it does with a
directory that was moved: the views that name files are made anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from weir.audit.store import database
from weir.audit.store.parquet import ParquetFiles

__all__ = ["begun", "copies", "from_nothing"]


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="store-", dir=Path(os.environ["WEIR_TEST_RUN"]) / "private"))
    with from_nothing():
        return database.ensure(folder / "audit").parent


def begun(audit_dir: Path) -> None:
    """Put the files of an empty store there, unless one was begun already. Raises OSError."""
    if "WEIR_TEST_RUN" not in os.environ or any(
        (audit_dir / name).exists() for name in ("audit.duckdb", "marks", "hot")
    ):
        return
    audit_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in _template().iterdir():
        if one.is_dir():
            shutil.copytree(one, audit_dir / one.name, dirs_exist_ok=True)
        elif not (audit_dir / one.name).exists():
            shutil.copy2(one, audit_dir)


class _Copied(ParquetFiles):
    def prepare(self) -> None:
        begun(self.root)
        super().prepare()


def copies() -> None:
    """From now on ``ensure`` begins with a copy in this process."""
    database.ParquetFiles = _Copied  # type: ignore[misc]


@contextmanager
def from_nothing() -> Iterator[None]:
    """A while in which it does not."""
    was, database.ParquetFiles = database.ParquetFiles, ParquetFiles  # type: ignore[misc]
    try:
        yield
    finally:
        database.ParquetFiles = was  # type: ignore[misc]
