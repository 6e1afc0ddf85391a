"""Where the ledger is kept: an SQLite file by default, PostgreSQL by URL. Tables, and transactions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

__all__ = ["ACCOUNTS", "CLAIMS", "HOLDS", "LedgerError", "Store"]

LAYOUT = 1
_LOCK = 0x77656972  # "weir": the PostgreSQL advisory lock under which tables are made

_META = MetaData()
_LAYOUT = Table("weir_layout", _META, Column("version", Integer, primary_key=True, autoincrement=False))
ACCOUNTS = Table(
    "weir_accounts",
    _META,
    Column("id", Text, primary_key=True),
    Column("budget", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("warned", Integer, nullable=False),  # 1 once somebody has been told
    Index("weir_accounts_ends", "ends"),
)
CLAIMS = Table(
    "weir_claims",
    _META,
    Column("id", Text, primary_key=True),
    Column("state", String(8), nullable=False),  # held | released | settled
    Column("expires", BigInteger, nullable=False),
    Index("weir_claims_expires", "expires"),
)
# One row an account that a claim draws on. It counts while its time has not come: what a killed process held is free
# from then on without anybody having to clear it away.
HOLDS = Table(
    "weir_holds",
    _META,
    Column("claim", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("weir_holds_live", "account", "expires", "amount"),
)


class LedgerError(Exception):
    """The ledger cannot be used: what goes on is for ``on_failure``. One line, without address or password."""


class Store:
    """Transactions on one database. Thread-safe; made once a process, after any fork."""

    def __init__(self, engine: Engine, timeout_s: float) -> None:
        self._engine = engine
        self._timeout_s = timeout_s
        self.sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer. Threads of a process wait here, in order, and not in its polling with sleeps.
        self._turn = threading.Lock() if self.sqlite else None
        self.run(self._make)

    @classmethod
    def open(cls, where: Path | str, timeout_s: float = 5.0) -> Store:
        """The store in the file ``where`` (a Path, made with mode 0600) or at a ``postgresql://`` URL.

        No call waits much longer than ``timeout_s``. Raises LedgerError when it cannot be used.
        """
        if isinstance(where, Path):
            return cls(_sqlite(where, timeout_s), timeout_s)
        try:
            url = make_url(where)
        except ArgumentError:
            raise LedgerError("the ledger's address is no URL; write postgresql://USER@HOST/DATABASE") from None
        if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise LedgerError("the ledger is kept in SQLite or at a postgresql:// URL, nowhere else")
        return cls(_postgresql(url, timeout_s), timeout_s)

    def run[T](self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, done in one transaction: all of it, or nothing when it raises.

        A connection that was lost is opened anew once, and ``work`` done again: it must bear that, as everything that
        goes by a claim's id does. Raises LedgerError.
        """
        try:
            return self._once(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise self._told(error) from None
        except (SQLAlchemyError, UnicodeError) as error:
            raise self._told(error) from None
        try:
            return self._once(work)
        except SQLAlchemyError as error:
            raise self._told(error) from None

    def add(self, connection: Connection, table: Table, row: dict[str, Any]) -> bool:
        """Insert ``row`` unless its primary key is there; whether it was inserted."""
        kind = sqlite.insert if self.sqlite else postgresql.insert
        added = kind(table).on_conflict_do_nothing().returning(*table.primary_key)
        return connection.execute(added, row).first() is not None

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _once[T](self, work: Callable[[Connection], T]) -> T:
        with self._in_turn(), self._engine.begin() as connection:
            return work(connection)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=self._timeout_s):
            raise LedgerError(f"the ledger was busy for {self._timeout_s:g} s")
        try:
            yield
        finally:
            self._turn.release()

    def _make(self, connection: Connection) -> None:
        if not self.sqlite:  # IF NOT EXISTS is no protection there when two processes make tables at once
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _META.create_all(connection)
        version = connection.execute(select(_LAYOUT.c.version)).scalar()
        if version is None:
            connection.execute(insert(_LAYOUT), {"version": LAYOUT})
        elif version != LAYOUT:
            raise LedgerError(f"the ledger has layout {version}, this weir knows {LAYOUT}")

    def _told(self, error: Exception) -> LedgerError:
        # The library's message holds the statement with its values and, for a connection, the address.
        kind = type(getattr(error, "orig", None) or error).__name__
        return LedgerError(f"the ledger ({'SQLite' if self.sqlite else 'PostgreSQL'}) cannot be used: {kind}")


def _sqlite(path: Path, timeout_s: float) -> Engine:
    try:
        # SQLite gives its -wal and -shm files the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise LedgerError(f"{path}: cannot be opened ({error.strerror})") from None
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"check_same_thread": False, "timeout": timeout_s},
        pool_size=1,
        max_overflow=0,
        pool_timeout=timeout_s,
    )

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        # A process that dies loses nothing. A machine that loses power may lose the last moments of the log.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}").close()

    def begun(connection: Connection) -> None:
        # IMMEDIATE: what is read is what is written upon; a transaction that turns writer late would fail at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _postgresql(url: URL, timeout_s: float) -> Engine:
    waits = int(timeout_s * 1000)
    options = f"-c statement_timeout={waits} -c lock_timeout={waits} -c idle_in_transaction_session_timeout={waits}"
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": max(2, int(timeout_s)), "options": options},
        isolation_level="READ COMMITTED",  # after a lock is had, the next statement sees what its last holder wrote
        pool_size=8,
        max_overflow=0,
        pool_timeout=timeout_s,
        hide_parameters=True,
    )
