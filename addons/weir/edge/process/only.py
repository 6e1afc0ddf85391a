"""One weir a data directory: its lock, and what those before it have left for it."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path
from typing import IO

from weir.datadir import DataDir

__all__ = ["gather_owed", "only_one"]

log = logging.getLogger("weir")


def only_one(data: DataDir) -> IO[str] | None:
    """The lock that one weir holds on its data directory as long as it runs, its workers included.

    None when another one has it, which is logged.
    """
    lock = (data.run / "weir.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        log.error("another weir is at work on %s; stop it, or give this one a --data of its own", data.path)
        return None
    return lock


def gather_owed(data: DataDir, into: Path) -> None:
    """Put what workers that are no more have left to be charged where it is looked for.

    Nobody else may be at work. What can't be moved stays for the next start, which is logged.
    """
    for left in sorted(data.path.glob("limits-owed*.jsonl")):
        if left == into:
            continue
        try:
            owed = left.read_bytes()
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(into, flags, 0o600), "wb") as file:
                file.write(owed)  # charged twice is charged once: a crash here does no harm
            left.unlink()
        except OSError as error:
            log.error("what is owed cannot be read: %s (%s)", left, error.strerror)
