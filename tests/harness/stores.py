"""Empty stores out of a copy: to make one takes half a second, and hundreds of tests begin with one.

What is copied is what ``ensure`` has made once in this process; what it does with a copy is what it does with a
directory that was moved: the views that name files are made anew. In a place that had one before, the copy is of that
one, and nothing is made: tests whose ``tmp_path`` is ``one_place`` share a place, one after the other.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.audit.store import database
from weir.audit.store.parquet import ParquetFiles

if TYPE_CHECKING:
    import pytest

__all__ = ["begun", "copies", "from_nothing", "one_place"]

_KEPT_MAX = 16  # some two megabytes each
_kept: dict[Path, bytes] = {}  # by the directory whose files it names: the last audit.duckdb that was made there


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="store-", dir=Path(os.environ["WEIR_TEST_RUN"]) / "private"))
    with from_nothing():
        return database.ensure(folder / "audit").parent


def begun(audit_dir: Path) -> None:
    """Put the files of an empty store there, unless one was begun already. Raises OSError."""
    here = "WEIR_TEST_RUN" in os.environ or _template.cache_info().currsize  # a fork has its parent's
    if not here or any((audit_dir / name).exists() for name in ("audit.duckdb", "marks", "hot")):
        return
    aside = audit_dir / "tmp" / f"{os.getpid()}-begun"
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def whole(source: str | Path, target: str | Path) -> None:
        """As the store itself does it: who is killed here must not leave half a file, which nobody makes anew."""
        shutil.copy2(source, aside)
        aside.replace(target)

    for one in _template().iterdir():
        if one.is_dir():
            shutil.copytree(one, audit_dir / one.name, dirs_exist_ok=True, copy_function=whole)
        elif not (audit_dir / one.name).exists():
            whole(one, audit_dir / one.name)
    if kept := _kept.get(audit_dir):
        aside.write_bytes(kept)
        aside.replace(audit_dir / "audit.duckdb")


class _Copied(ParquetFiles):
    def prepare(self) -> None:
        begun(self.root)
        super().prepare()


def copies(*, at_once: bool = False) -> None:
    """From now on ``ensure`` begins with a copy in this process, and in its forks; ``at_once``: of what is made now."""
    if at_once:
        _template()
    database.ParquetFiles = _Copied  # type: ignore[misc]
    write = database._write

    def kept(engine: Any, path: Path, *definitions: Any) -> None:
        write(engine, path, *definitions)
        if database.ParquetFiles is _Copied:
            while len(_kept) >= _KEPT_MAX:
                del _kept[next(iter(_kept))]
            _kept[path.parents[1]] = path.read_bytes()

    database._write = kept


def one_place(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """For a fixture ``tmp_path``: the same folder for every test of this process, empty at each one's begin."""
    folder = factory.getbasetemp() / name
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def from_nothing() -> Iterator[None]:
    """A while in which it does not."""
    was, database.ParquetFiles = database.ParquetFiles, ParquetFiles  # type: ignore[misc]
    try:
        yield
    finally:
        database.ParquetFiles = was  # type: ignore[misc]
