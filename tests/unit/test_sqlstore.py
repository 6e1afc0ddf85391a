"""What stores in SQL have in common, tried on a small one: errors of its own, readers that keep no writer waiting."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, insert, select

from weir.sqlstore import SqlStore, StoreError, _for_postgresql, _for_sqlite, query

META = MetaData()
LAYOUT = Table("small_layout", META, Column("version", Integer, primary_key=True, autoincrement=False))
WORDS = Table("small", META, Column("id", Text, primary_key=True))


class SmallError(StoreError):
    """Of the small store."""


class Small(SqlStore):
    """A store with one table."""

    NOUN, TABLES, LAYOUT, ERROR, ROW_ERROR = "the small store", META, LAYOUT, SmallError, SmallError


class Newer(Small):
    """The same of another version."""

    VERSION = 2


def test_errors_are_its_own_and_name_it(tmp_path: Path) -> None:
    path = tmp_path / "small.db"
    Small.open(path).close()
    with pytest.raises(SmallError, match="the small store has layout 1, this weir knows 2"):
        Newer.open(path)
    for address in ("no address", "mysql://u:canary-word@h/d"):
        with pytest.raises(SmallError, match="the small store") as caught:
            Small.open(address)
        assert "canary-word" not in str(caught.value)


def test_two_stores_live_in_one_file(tmp_path: Path) -> None:
    from weir.limits.store import CLAIMS, Store

    small, ledger = Small.open(tmp_path / "one.db"), Store.open(tmp_path / "one.db")
    assert small.run(lambda connection: small.add(connection, WORDS, {"id": "a"}))
    assert ledger.run(lambda connection: ledger.add(connection, CLAIMS, {"id": "a", "state": "held", "expires": 1}))
    assert small.read(lambda connection: connection.execute(select(WORDS)).all()) == [("a",)]


def test_a_reader_waits_for_no_writer_and_sees_what_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "small.db"
    writer, reader = Small.open(path, 5.0), Small.open(path, 0.3)
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        def work(connection: object) -> None:
            connection.execute(insert(WORDS), {"id": "a"})  # type: ignore[attr-defined]
            begun.set()
            over.wait(5)

        writer.run(work)

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(60)
    assert reader.read(lambda connection: connection.execute(select(WORDS)).all()) == []
    with pytest.raises(SmallError, match="OperationalError"):
        reader.run(lambda connection: connection.execute(select(WORDS)).all())
    over.set()
    thread.join()
    assert reader.read(lambda connection: connection.execute(select(WORDS)).all()) == [("a",)]


def test_a_connection_that_closes_while_it_is_broken_off_is_no_error(tmp_path: Path) -> None:
    class Closing:
        closed = False

        def fileno(self) -> int:
            raise sqlite3.OperationalError("the connection is lost")

    store = Small.open(tmp_path / "small.db", 0.01)
    store._running[1] = (0.0, Closing())
    store.break_off()
    store.close()


def test_statements_for_any_number_of_values_are_few(tmp_path: Path) -> None:
    small = Small.open(tmp_path / "small.db")
    texts: set[str] = set()

    def work(connection: Connection) -> None:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        for count in range(1, 70):
            some = [(f"{count} {number}",) for number in range(count)]
            assert query(connection, "INSERT INTO small (id) {rows:text} RETURNING id", some) == some
            names = [name for (name,) in some]
            asked = "SELECT id FROM small c WHERE id IN {ids} AND id <> ? ORDER BY 1{of_c}"
            assert [row[0] for row in query(connection, asked, names, "nobody")] == sorted(names)
            texts.update((_for_sqlite(asked, 1 << (count - 1).bit_length()),))

    small.run(work)
    assert len(texts) == 8 and not any("FOR UPDATE" in text for text in texts)
    with pytest.raises(SmallError, match="IntegrityError"):
        small.run(lambda connection: query(connection, "INSERT INTO small (id) {rows:text}", [("1 0",)]))
    with pytest.raises(SmallError, match="OperationalError"):
        small.run(lambda connection: query(connection, "SELECT nothing FROM small"))
    with pytest.raises(SmallError, match="UnicodeEncodeError"):
        small.run(lambda connection: query(connection, "SELECT id FROM small WHERE id = ?", "half \ud800"))


def test_the_same_statement_for_postgresql() -> None:
    text = "INSERT INTO t (a, b) {rows:text,bigint} ON CONFLICT DO NOTHING"
    assert (
        _for_postgresql(text)
        == "INSERT INTO t (a, b) SELECT * FROM unnest(%s::text[],%s::bigint[]) ON CONFLICT DO NOTHING"
    )
    asked = "SELECT a FROM t c WHERE a IN {ids} AND b > ?{of_c}"
    assert _for_postgresql(asked) == "SELECT a FROM t c WHERE a = ANY(%s) AND b > %s FOR UPDATE OF c"
