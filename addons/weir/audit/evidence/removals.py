"""Files that are about to be taken away on purpose: told before it is done, so that ``verify`` knows them.

Whoever removes a file that may be closed for good (retention, compaction) says so here first. The witness signs it when
the file is gone; until then what stands here is believed. It is no proof by itself: who may write here may write
everywhere in the data directory.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import orjson

from weir.audit.evidence.entries import is_file_name
from weir.audit.spool.segment import sync_directory, write_all
from weir.datadir import locked, write_private

__all__ = ["announced", "forget", "name_of", "path_of", "removing"]


def path_of(data: Path) -> Path:
    """Where they are told."""
    return data / "audit" / "removals.jsonl"


def name_of(data: Path, path: Path) -> str:
    """A file's name in the log: its path below the data directory. Raises ValueError when it is not there."""
    return path.absolute().relative_to(data.absolute()).as_posix()


def removing(data: Path, paths: Iterable[Path]) -> None:
    """Say durably that these files are going to be removed. Call it before; again does no harm.

    ``paths``: as they stand on disk (a compressed segment by its ``.zst``). Raises OSError, DataDirError, and
    ValueError for a path that is not below ``data``.
    """
    names = [name_of(data, path) for path in paths]
    lines = b"".join(orjson.dumps({"name": name}) + b"\n" for name in names if is_file_name(name))
    if not lines:
        return
    target = path_of(data)
    with locked(target):
        new = not target.exists()
        fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.lseek(fd, 0, os.SEEK_END)
            if size and os.pread(fd, 1, size - 1) != b"\n":  # somebody died while writing: that line never counted
                lines = b"\n" + lines
            write_all(fd, lines)
            os.fdatasync(fd)
        finally:
            os.close(fd)
        if new:
            sync_directory(target.parent)


def announced(data: Path) -> frozenset[str]:
    """The names that were told and not yet forgotten. Raises OSError."""
    return frozenset(_names(path_of(data)))


def forget(data: Path, names: Collection[str]) -> None:
    """Drop names that the log has taken up. Raises OSError, DataDirError."""
    target = path_of(data)
    if not names or not target.exists():
        return
    with locked(target):
        left = [name for name in dict.fromkeys(_names(target)) if name not in names]
        write_private(target, b"".join(orjson.dumps({"name": name}) + b"\n" for name in left))


def _names(path: Path) -> Iterable[str]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            name = orjson.loads(line)["name"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # an empty line, or one that broke off: then nothing was removed yet
        if isinstance(name, str):
            yield name
