"""Where the ledger is kept: an SQLite file by default, PostgreSQL by URL. Tables, and transactions."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

from weir.limits.engines import File, postgresql_engine, sqlite_engine

__all__ = ["ACCOUNTS", "CLAIMS", "HOLDS", "LedgerError", "RequestError", "Store"]

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
# from then on without anybody having to clear it away. An ``expires`` of 0 is for good, whatever a clock says later.
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


class RequestError(LedgerError):
    """The ledger can be used, but not for this: what is asked with it in one transaction may go through without it."""


class Store:
    """Transactions on one database. Thread-safe; made once a process, after any fork."""

    def __init__(self, engine: Engine, timeout_s: float, file: File | None = None) -> None:
        self._engine = engine
        self._file = file
        self.timeout_s = timeout_s
        self._running: dict[int, tuple[float, Any]] = {}  # by thread: since when, and the driver's connection
        self._running_changes = threading.Lock()
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
            try:
                file = File(where)
            except OSError as error:
                raise LedgerError(f"{where}: cannot be opened ({error.strerror})") from None
            return cls(sqlite_engine(file, timeout_s), timeout_s, file)
        try:
            url = make_url(where)
        except ArgumentError:
            raise LedgerError("the ledger's address is no URL; write postgresql://USER@HOST/DATABASE") from None
        if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise LedgerError("the ledger is kept in SQLite or at a postgresql:// URL, nowhere else")
        return cls(postgresql_engine(url, timeout_s), timeout_s)

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

    def add_all(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> bool:
        """Insert ``rows``; False when the primary key of one is there already. Then some may have been inserted."""
        kind = sqlite.insert if self.sqlite else postgresql.insert
        added = kind(table).on_conflict_do_nothing().returning(*table.primary_key)
        return len(connection.execute(added, list(rows)).all()) == len(rows)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def break_off(self) -> None:
        """End the connections whose transaction takes longer than two timeouts: the server was halted, or the network
        says nothing any more. The server's own timeouts are of no use then."""
        with self._running_changes:
            for since, driver in self._running.values():
                if time.monotonic() - since > 2 * self.timeout_s and not driver.closed:
                    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(driver.fileno())) as wire:
                        wire.shutdown(socket.SHUT_RDWR)

    def _once[T](self, work: Callable[[Connection], T]) -> T:
        if not self.sqlite:
            with self._engine.connect() as connection, self._watched(connection), connection.begin():
                return work(connection)
        with self._in_turn():
            self._look()
            with self._engine.begin() as connection:
                done = work(connection)
            self._look()  # once more: what was just written may have gone where nobody reads
            return done

    @contextmanager
    def _watched(self, connection: Connection) -> Iterator[None]:
        me = threading.get_ident()
        with self._running_changes:
            self._running[me] = time.monotonic(), connection.connection.dbapi_connection
        try:
            yield
        finally:
            with self._running_changes:
                del self._running[me]

    def _look(self) -> None:
        if self._file is not None and not self._file.there:
            raise LedgerError("the ledger's file was removed or replaced; start weir again to go by what is there now")

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=self.timeout_s):
            raise LedgerError(f"the ledger was busy for {self.timeout_s:g} s")
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
        told = f"the ledger ({'SQLite' if self.sqlite else 'PostgreSQL'}) cannot be used: {kind}"
        one_alone = isinstance(error, DataError | IntegrityError | UnicodeError)
        return RequestError(told) if one_alone else LedgerError(told)
