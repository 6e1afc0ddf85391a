"""A directory, on another machine if it is mounted from there: one file a checkpoint, never written over."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from weir.audit.evidence.publish.place import Conflict, Entry, Unreachable
from weir.audit.spool.segment import sync_directory, write_all

__all__ = ["Directory"]


class Directory:
    """``<directory>/<proxy_id>/<date>/<number>.checkpoint``, each a signed note as it is."""

    def __init__(self, path: Path) -> None:
        """``path`` has to exist: a mount that is not there must not become a directory on our own disk."""
        self._path = path

    def send(self, entries: Sequence[Entry]) -> None:
        """See ``Place``."""
        if not self._path.is_dir():
            raise Unreachable("there is no such directory; make it, or mount it")
        try:
            others = [entry.number for entry in entries if not self._keep(entry)]
        except OSError as error:
            raise Unreachable(error.strerror or type(error).__name__) from None
        if others:
            raise Conflict(f"entry {others[0]} is there already and is another one")

    def close(self) -> None:
        """Nothing to let go of."""

    def _keep(self, entry: Entry) -> bool:
        target = self._path / entry.name
        if target.exists():
            return target.read_bytes() == entry.note
        for folder in (target.parent.parent, target.parent):
            if not folder.exists():
                folder.mkdir(mode=0o755, exist_ok=True)
                sync_directory(folder.parent)
        made = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o444)
            try:
                write_all(fd, entry.note)
                os.fsync(fd)
            finally:
                os.close(fd)
            with suppress(FileExistsError):  # somebody was faster: then that one counts
                os.link(made, target)
        finally:
            made.unlink(missing_ok=True)
        sync_directory(target.parent)
        return target.read_bytes() == entry.note
