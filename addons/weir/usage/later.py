"""Usage that is told later, and counted once: responses made in the background, results of batches.

One small SQLite file remembers what is awaited and what has been counted, over restarts and for all processes that
share the data directory. It holds ids that providers gave, hashed, and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

__all__ = ["Later"]

log = logging.getLogger("weir.usage")

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS later (id BLOB PRIMARY KEY, counted INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID
"""
_WAIT_S: Final = 2.0
_KEPT_S: Final = 400 * 24 * 3600  # providers keep results for a month or so
_PRUNE_EVERY: Final = 256


class Later:
    """What is awaited and what was counted, by key. Methods may block on the disk for a moment; any thread may call.

    No method raises: what a broken file can't tell is counted, and the log says so.
    """

    def __init__(self, path: Path, *, most: int = 200_000, clock: Callable[[], float] = time.time) -> None:
        self._path, self._most, self._clock = path, most, clock
        self._lock = threading.Lock()
        self._calls = 0

    def expect(self, key: str) -> None:
        """The usage of ``key`` has not been told yet, and will be claimed once."""
        self._run("INSERT OR IGNORE INTO later VALUES (?, 0, ?)", key)

    def claim(self, key: str, *, awaited: bool) -> bool:
        """Whether the usage of ``key`` is to be counted now: True for the first who asks and for nobody after.

        ``awaited``: only when it was expected. Otherwise whatever was not counted before is.
        """
        if awaited:
            return self._run("UPDATE later SET counted = 1, at = ?2 WHERE id = ?1 AND counted = 0", key)
        return self._run(
            "INSERT INTO later VALUES (?1, 1, ?2) ON CONFLICT (id) DO UPDATE SET counted = 1 WHERE counted = 0", key
        )

    def _run(self, statement: str, key: str) -> bool:
        name = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        try:
            with self._lock, closing(self._open()) as file, file:
                changed = file.execute(statement, (name, int(self._clock()))).rowcount > 0
                self._calls += 1
                if self._calls % _PRUNE_EVERY == 1:
                    self._prune(file)
                return changed
        except (sqlite3.Error, OSError) as error:
            log.error("usage that is told later can't be looked up (%s); it is counted", type(error).__name__)
            return True

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        file = sqlite3.connect(self._path, timeout=_WAIT_S)
        file.execute(_TABLE)
        return file

    def _prune(self, file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM later WHERE at < ?", (int(self._clock()) - _KEPT_S,))
        (held,) = file.execute("SELECT count(*) FROM later").fetchone()
        if held > self._most:
            file.execute(
                "DELETE FROM later WHERE id IN (SELECT id FROM later ORDER BY at LIMIT ?)",
                (held - self._most * 9 // 10,),
            )
