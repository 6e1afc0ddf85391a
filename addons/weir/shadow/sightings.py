"""Which AI services were ever seen: one small SQLite file that several processes may share."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

__all__ = ["SERVICES_MAX", "Sightings"]

SERVICES_MAX = 20_000  # a client can make up hosts that look like AI, and each would be remembered for ever
_LISTED_MIN = 5_000  # of these: for services of the catalogue, which nobody can make up
_WAIT_S = 2.0  # for another process's lock
_NAME_MAX = 255
_TABLE = "CREATE TABLE IF NOT EXISTS seen (service TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID"


class Sightings:
    """The services seen so far, in ``path`` (mode 0600), which is made at the first sighting. Calls wait for the disk.

    All raise sqlite3.Error or OSError for a file that can't be used.
    """

    def __init__(self, path: Path, most: int = SERVICES_MAX, clock: Callable[[], float] = time.time) -> None:
        self._path, self._most, self._clock = path, most, clock

    def known(self) -> frozenset[str]:
        """All that were seen, at most as many as are kept."""
        if not self._path.exists():
            return frozenset()
        with closing(self._open()) as file:
            return frozenset(name for (name,) in file.execute("SELECT service FROM seen LIMIT ?", (self._most,)))

    def first(self, service: str, *, listed: bool = True) -> bool | None:
        """Note that ``service`` is in use; True for exactly one caller, ever, whichever process it is in.

        None when it is unknown and so many are known that nothing more is noted: of those that are not ``listed`` in
        the catalogue three quarters of what there is room for.
        """
        most = self._most if listed else self._most - min(_LISTED_MIN, self._most // 4)
        with closing(self._open()) as file, file:
            file.execute("BEGIN IMMEDIATE")
            (count,) = file.execute("SELECT count(*) FROM seen").fetchone()
            if count >= most:
                known = file.execute("SELECT 1 FROM seen WHERE service = ?", (service[:_NAME_MAX],)).fetchone()
                return False if known else None
            row = (service[:_NAME_MAX], int(self._clock() * 1e6))
            return file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", row).rowcount == 1

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        file = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
        try:
            file.execute(_TABLE)
        except sqlite3.Error:
            file.close()
            raise
        return file
