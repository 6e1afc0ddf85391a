"""How databases are reached: an SQLite file whose writers take turns, PostgreSQL with bounded waits."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

__all__ = ["READS", "File", "postgresql_engine", "sqlite_engine"]

READS = "weir_reads"  # the execution option of a connection that only reads

_LOOKED_THROUGH_MAX = 64 << 20  # bytes of a file that is looked through for damage when it is opened; some 0.1 s
_STEP_S = 0.01


class File:
    """A database file, and whether it is still the one that was opened."""

    def __init__(self, path: Path) -> None:
        """Made with mode 0600 if it isn't there. Raises OSError."""
        self.path = path
        try:
            # SQLite gives its -wal and -shm files the mode of the database.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            # Not opened here: to close it would end the locks that SQLite has on it elsewhere in this process.
            if path.is_symlink():
                raise OSError(errno.ELOOP, "it is a symbolic link") from None
        self._name = os.fspath(path)  # looked at with every transaction
        self._identity = self._of(path.lstat())

    @property
    def there(self) -> bool:
        """False once it was removed or another one put in its place: SQLite would go on writing where nobody reads."""
        try:
            return self._of(os.lstat(self._name)) == self._identity
        except OSError:
            return False

    @staticmethod
    def _of(found: os.stat_result) -> tuple[int, int]:
        return found.st_dev, found.st_ino


def sqlite_engine(file: File, timeout_s: float) -> Engine:
    """Of a file: one connection a process, every transaction the only writer from its beginning."""
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(file.path)),
        connect_args={"check_same_thread": False, "timeout": timeout_s},
        pool_size=1,
        max_overflow=0,
        pool_timeout=timeout_s,
    )

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        _write_ahead(connection, time.monotonic() + timeout_s)
        # A process that dies loses nothing. A machine that loses power may lose the last moments of the log.
        for pragma in ("synchronous=NORMAL", "cell_size_check=ON"):
            connection.execute(f"PRAGMA {pragma}").close()
        if file.path.stat().st_size <= _LOOKED_THROUGH_MAX:
            told = connection.execute("PRAGMA quick_check(1)").fetchone()
            if told != ("ok",):
                raise sqlite3.DatabaseError("the file is damaged")

    def begun(connection: Connection) -> None:
        # IMMEDIATE: what is read is what is written upon; a transaction that turns writer late would fail at once.
        only_reads = connection.get_execution_options().get(READS)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _write_ahead(connection: sqlite3.Connection, until: float) -> None:
    # Two processes that turn it on at once: to one of them SQLite says at once that the file is locked.
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_STEP_S)


def postgresql_engine(url: URL, timeout_s: float) -> Engine:
    """Of a server: no statement, no lock and no idle transaction outlasts ``timeout_s``."""
    waits = int(timeout_s * 1000)
    options = f"-c statement_timeout={waits} -c lock_timeout={waits} -c idle_in_transaction_session_timeout={waits}"
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": max(2, int(timeout_s)),
            "options": options,
            # A server that is gone without a word: what was sent is not waited on for a quarter of an hour.
            "tcp_user_timeout": waits + 1000,
        },
        isolation_level="READ COMMITTED",  # after a lock is had, the next statement sees what its last holder wrote
        pool_size=8,
        max_overflow=0,
        pool_timeout=timeout_s,
        hide_parameters=True,
    )
