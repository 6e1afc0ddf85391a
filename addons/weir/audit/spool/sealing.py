"""Compresses segments that are closed for good and ingested: a duty of the ingester's process.

A crash at any point loses nothing: the compressed form is written beside, on disk and read back before it gets its
name, and the lines go last. While both exist the lines count, and are compressed anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.duty import Desk
from weir.audit.spool.frames import about_of, compress, faults
from weir.audit.spool.opened import ZST, held, segments, whole_size
from weir.audit.spool.segment import sync_directory

__all__ = ["LEAST_BYTES", "Compressing", "compress_segment", "due"]

LEAST_BYTES = 16 << 10  # a smaller file would save no block of the disk worth the work
_RUN_S = 1.0  # work in one go; the ingester waits for it


class Compressing:
    """A few segments at a time, the oldest first."""

    name = "compress"
    every_s = 5.0

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """Compress what is due, for about a second; not at the end, where somebody waits. Raises OSError."""
        if last:
            return []
        spool, told = desk.data / "spool", []
        for left in spool.glob(f".*{ZST}.tmp"):
            left.unlink(missing_ok=True)  # of a process that died; there is one ingester, and it is this one
        cursor = Cursor.load(desk.data / "audit" / "cursor.json")
        until = time.monotonic() + _RUN_S
        for path in due(spool, cursor.offsets if cursor else {}):
            problem = compress_segment(path)
            if problem:
                told.append(problem)
            if time.monotonic() >= until:
                break
        return told


def due(spool: Path, read: Mapping[str, int]) -> list[Path]:
    """Plain segments that no writer will open again and that were ``read`` to their end. Raises OSError.

    The newest segment of a chain that is still written to is not among them, though it be full: its writer may be just
    about to make the next one, and whoever looks at the chain's end finds it as it was.
    """
    found = []
    for paths in segments(spool).values():
        closed = [path for path in paths if not held(path)]
        for path in closed if len(closed) == len(paths) else [one for one in closed if one != paths[-1]]:
            with suppress(FileNotFoundError):  # it has been compressed already
                if path.stat().st_size >= LEAST_BYTES and read.get(path.name, 0) >= whole_size(path):
                    found.append(path)
    return sorted(found, key=lambda path: path.stat().st_mtime)


def compress_segment(path: Path) -> str:
    """Put the compressed form of a segment in its place. What hindered it, or nothing; the lines stay then.

    Raises OSError (no room …); then nothing has changed either.
    """
    target = path.with_name(path.name + ZST)
    made = path.with_name(f".{target.name}.tmp")
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with path.open("rb") as lines, _private(made) as out:
            compress(lines, out)
            out.flush()
            os.fsync(out.fileno())
            info = os.fstat(fd)
            os.utime(out.fileno(), ns=(info.st_atime_ns, info.st_mtime_ns))  # its age is that of its rows
        if not _same(path, made):
            return f"{path.name} was not what it should be when it was read back; it stays as it is"
        made.replace(target)
        sync_directory(path.parent)
        path.unlink()
        sync_directory(path.parent)
    except BlockingIOError:
        return ""  # somebody has it open after all: next time
    finally:
        os.close(fd)
        made.unlink(missing_ok=True)
    return ""


def _private(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _same(path: Path, made: Path) -> bool:
    """Whether the compressed form gives back the very lines, read from the disk's file."""
    with path.open("rb") as lines:
        digest = hashlib.file_digest(lines, "sha256").hexdigest()
    with made.open("rb") as packed:
        said = about_of(packed)
        return said is not None and said.sha256 == digest and not faults(packed)
