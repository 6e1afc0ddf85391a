"""Transactions on an SQLite file or a PostgreSQL server: what every store of weir in SQL is made of.

A concern subclasses `SqlStore`, names its tables, and gives its own errors, so that nobody has to know SQLAlchemy's.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

from sqlalchemy import Connection, Engine, MetaData, Table, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

from weir.sqlengines import READS, File, postgresql_engine, sqlite_engine

__all__ = ["SqlStore", "StoreError", "query"]

_ROWS = re.compile(r"\{rows:([a-z,]+)\}")
_LOCK = 0x77656972  # "weir": the PostgreSQL advisory lock under which tables are made


def query(connection: Connection, text: str, *values: object) -> list[Any]:
    """The rows that a statement yields; none where it yields none.

    ``text`` is the same each time, so that it is made and read once: ``?`` stands for a value, ``{ids}`` for a list of
    them that isn't empty, ``{rows:text,bigint}`` for a list of tuples of these types, ``{of_c}`` locks the rows of the
    table called c until the commit. On SQLite it goes to the driver itself: the library between costs ten times as
    much as such a statement, and one who waits for the database pays for it.
    """
    if connection.dialect.name != "sqlite":
        made = _for_postgresql(text)
        given: list[object] = []
        for value in values:
            if isinstance(value, list | tuple) and value and isinstance(value[0], tuple):
                given += [list(column) for column in zip(*value, strict=True)]
            else:
                given.append(list(value) if isinstance(value, tuple) else value)
        result = connection.exec_driver_sql(made, tuple(given))
        return list(result.all()) if result.returns_rows else []
    driver = connection.connection.dbapi_connection
    assert driver is not None
    if "{rows:" in text:
        return _inserted(driver, text, values[0])  # type: ignore[arg-type]
    flat: list[object] = []
    count = 0
    for value in values:
        if isinstance(value, list | tuple):
            # Of few lengths, that few statements are kept ready: the last one is asked for more than once.
            count = 1 << (len(value) - 1).bit_length()
            flat += value
            flat += [value[-1]] * (count - len(value))
        else:
            flat.append(value)
    return driver.execute(_for_sqlite(text, count), flat).fetchall()  # type: ignore[no-any-return]


def _inserted(driver: Any, text: str, rows: Sequence[tuple[object, ...]]) -> list[Any]:
    found: list[Any] = []
    start = 0
    while start < len(rows):
        count = 1 << ((len(rows) - start).bit_length() - 1)  # of few lengths here, too
        count = min(count, 1024)  # a statement has room for some 32,000 values
        some = [value for row in rows[start : start + count] for value in row]
        found += driver.execute(_for_sqlite(text, count), some).fetchall()
        start += count
    return found


@lru_cache(512)
def _for_sqlite(text: str, count: int) -> str:
    made = text.replace("{ids}", f"({','.join('?' * count)})").replace("{of_c}", "")
    return _ROWS.sub(lambda found: "VALUES " + ",".join([f"({_marks(found[1], '?')})"] * count), made)


@lru_cache(512)
def _for_postgresql(text: str) -> str:
    made = text.replace("?", "%s").replace("IN {ids}", "= ANY(%s)").replace("{of_c}", " FOR UPDATE OF c")
    return _ROWS.sub(
        lambda found: f"SELECT * FROM unnest({','.join(f'%s::{kind}[]' for kind in found[1].split(','))})", made
    )


def _marks(kinds: str, mark: str) -> str:
    return ",".join([mark] * len(kinds.split(",")))


class StoreError(Exception):
    """A store cannot be used. One line, without address or password."""


class SqlStore:
    """Transactions on one database. Thread-safe; made once a process, after any fork."""

    NOUN: ClassVar[str] = "the store"  # what errors call it
    TABLES: ClassVar[MetaData]
    LAYOUT: ClassVar[Table]  # one row, ``version``
    VERSION: ClassVar[int] = 1
    ERROR: ClassVar[type[Exception]] = StoreError
    ROW_ERROR: ClassVar[type[Exception]] = StoreError  # the store can be used, but not for this

    def __init__(self, engine: Engine, timeout_s: float, file: File | None = None) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{READS: True})
        self._file = file
        self.timeout_s = timeout_s
        self._running: dict[int, tuple[float, Any]] = {}  # by thread: since when, and the driver's connection
        self._running_changes = threading.Lock()
        self.sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer. Threads of a process wait here, in order, and not in its polling with sleeps.
        self._turn = threading.Lock() if self.sqlite else None
        self.run(self._make)

    @classmethod
    def open(cls, where: Path | str, timeout_s: float = 5.0) -> Self:
        """The store in the file ``where`` (a Path, made with mode 0600) or at a ``postgresql://`` URL.

        No call waits much longer than ``timeout_s``. Raises ``ERROR`` when it cannot be used.
        """
        if isinstance(where, Path):
            try:
                file = File(where)
            except OSError as error:
                raise cls.ERROR(f"{where}: cannot be opened ({error.strerror})") from None
            return cls(sqlite_engine(file, timeout_s), timeout_s, file)
        try:
            url = make_url(where)
        except ArgumentError:
            raise cls.ERROR(f"{cls.NOUN}'s address is no URL; write postgresql://USER@HOST/DATABASE") from None
        if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise cls.ERROR(f"{cls.NOUN} is kept in SQLite or at a postgresql:// URL, nowhere else")
        return cls(postgresql_engine(url, timeout_s), timeout_s)

    def run[T](self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, done in one transaction: all of it, or nothing when it raises.

        A connection that was lost is opened anew once, and ``work`` done again: it must bear that, for the first time
        may have been committed. Raises ``ERROR``.
        """
        return self._twice(work, reads=False)

    def read[T](self, work: Callable[[Connection], T]) -> T:
        """As `run` for what only reads: it keeps no writer waiting. Raises ``ERROR``."""
        return self._twice(work, reads=True)

    def _twice[T](self, work: Callable[[Connection], T], *, reads: bool) -> T:
        try:
            return self._once(work, reads=reads)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise self._told(error) from None
        except (SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
            raise self._told(error) from None
        try:
            return self._once(work, reads=reads)
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

    def break_off(self) -> None:
        """End the connections whose transaction takes longer than two timeouts: the server was halted, or the network
        says nothing any more. The server's own timeouts are of no use then."""
        gone = (OSError, self._engine.dialect.loaded_dbapi.Error)  # closed by its own thread this very moment
        with self._running_changes:
            for since, driver in self._running.values():
                if time.monotonic() - since > 2 * self.timeout_s and not driver.closed:
                    with contextlib.suppress(*gone), socket.socket(fileno=os.dup(driver.fileno())) as wire:
                        wire.shutdown(socket.SHUT_RDWR)

    def _once[T](self, work: Callable[[Connection], T], *, reads: bool) -> T:
        engine = self._reader if reads else self._engine
        if not self.sqlite:
            with engine.connect() as connection, self._watched(connection), connection.begin():
                return work(connection)
        with self._in_turn():
            self._look()
            with engine.begin() as connection:
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
            raise self.ERROR(f"{self.NOUN}'s file was removed or replaced; start weir again to go by what is there now")

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=self.timeout_s):
            raise self.ERROR(f"{self.NOUN} was busy for {self.timeout_s:g} s")
        try:
            yield
        finally:
            self._turn.release()

    def _make(self, connection: Connection) -> None:
        if not self.sqlite:  # IF NOT EXISTS is no protection there when two processes make tables at once
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        self.TABLES.create_all(connection)
        version = connection.execute(select(self.LAYOUT.c.version)).scalar()
        if version is None:
            connection.execute(insert(self.LAYOUT), {"version": self.VERSION})
        elif version != self.VERSION:
            raise self.ERROR(f"{self.NOUN} has layout {version}, this weir knows {self.VERSION}")

    def _told(self, error: Exception) -> Exception:
        # The library's message holds the statement with its values and, for a connection, the address.
        kind = type(getattr(error, "orig", None) or error).__name__
        told = f"{self.NOUN} ({'SQLite' if self.sqlite else 'PostgreSQL'}) cannot be used: {kind}"
        one_alone = isinstance(
            error, DataError | IntegrityError | UnicodeError | sqlite3.DataError | sqlite3.IntegrityError
        )
        return self.ROW_ERROR(told) if one_alone else self.ERROR(told)
