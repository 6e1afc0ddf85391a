"""Looks at a start whether other users of the machine can get at what weir keeps private."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from weir.datadir import DataDirError

__all__ = ["AS_ROOT", "look"]

AS_ROOT = "running as root: a flaw in weir would be one of the whole machine; give weir a user of its own"

_PRIVATE = ("ca", "keys", "secrets")  # directories whose files nobody else reads, but for certificates
_PUBLIC = (".pem", ".cer", ".crt", ".pub", ".lock")
_FILES_MAX = 10_000


def look(data: Path) -> None:
    """Raise DataDirError, with the remedy, for the first thing in the data directory that is open to others.

    Keys must be readable by nobody else. Databases, where the directory was opened, must not be either; and nothing
    may be writable by others. Links are not followed: what they lead to is the operator's own choice.
    """
    opened = bool(data.stat().st_mode & 0o055)
    for path, private in _files(data, opened):
        try:
            info = path.lstat()
        except FileNotFoundError:
            continue  # gone meanwhile: it was of another process
        mode = stat.S_IMODE(info.st_mode)
        if not stat.S_ISREG(info.st_mode):
            continue
        if private and mode & 0o077:
            raise DataDirError(f"{path}: is open to other users (mode {mode:04o}); run: chmod 600 {path}")
        if mode & 0o022:
            raise DataDirError(f"{path}: other users may write to it (mode {mode:04o}); run: chmod go-w {path}")
        if info.st_uid not in (os.geteuid(), 0):
            raise DataDirError(f"{path}: belongs to another user; run: chown {os.geteuid()} {path}")


def _files(data: Path, opened: bool) -> Iterator[tuple[Path, bool]]:
    count = 0
    for name in _PRIVATE:
        folder = data / name
        for path in folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ():
            yield path, path.suffix not in _PUBLIC
            count += 1
            if count >= _FILES_MAX:
                return
    for path in data.iterdir():
        yield path, path.name == "proxy-id" or (opened and path.suffix in (".db", ".jsonl"))
