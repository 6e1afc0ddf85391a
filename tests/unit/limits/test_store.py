"""Stores: private files, addresses that are refused without being repeated, transactions that leave nothing."""

from __future__ import annotations

import contextlib
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from select import select as select_ready

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from harness.processes import ROOT, until
from harness.servers import Server
from weir.limits import rows
from weir.limits.budget import Budget, Claim, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger, Reservation
from weir.limits.store import CLAIMS, LedgerError, RequestError, Store
from weir.model import Principal

ROW = {"id": "a", "state": "held", "expires": 1}


def test_the_file_is_private_and_so_are_those_beside_it(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "limits.db")
    store.run(lambda connection: store.add(connection, CLAIMS, ROW))
    files = list(tmp_path.iterdir())
    assert len(files) >= 2 and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    store.close()


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "limits.db")

    def work(connection: Connection) -> None:
        assert store.add(connection, CLAIMS, ROW) and not store.add(connection, CLAIMS, ROW)
        raise KeyError("thought better of it")

    with pytest.raises(KeyError):
        store.run(work)
    assert store.run(lambda connection: connection.execute(select(CLAIMS)).all()) == []
    store.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://u:canary-word@h/d", "nowhere else"),
        ("canary-word", "no URL"),
        ("sqlite:///canary-word.db", "nowhere else"),
        ("postgresql://u:canary-word@127.0.0.1:1/d", "PostgreSQL"),
    ],
)
def test_an_address_that_cannot_be_used_is_not_repeated(address: str, said: str) -> None:
    with pytest.raises(LedgerError, match=said) as caught:
        Store.open(address, 0.5)
    assert "canary-word" not in str(caught.value) and caught.value.__cause__ is None


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"):
        Store.open(tmp_path / "nowhere" / "limits.db")
    (tmp_path / "other.db").write_bytes(b"this is no database, and long enough to be read as one" * 100)
    with pytest.raises(LedgerError, match="SQLite"):
        Store.open(tmp_path / "other.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(LedgerError, match="cannot be opened"):
        Store.open(tmp_path / "link.db")


def test_another_layout_is_refused(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "limits.db")
    store.run(lambda connection: connection.exec_driver_sql("UPDATE weir_layout SET version = 99"))
    store.close()
    with pytest.raises(LedgerError, match="layout 99"):
        Store.open(tmp_path / "limits.db")


HOLDER = """
import sys, sqlite3
c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute("BEGIN IMMEDIATE"); print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_process_keeps_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "limits.db", 0.3)
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "limits.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdin and other.stdout and other.stdout.readline() == b"held\n"
        with pytest.raises(LedgerError, match="OperationalError"):
            store.run(lambda connection: store.add(connection, CLAIMS, ROW))
        other.stdin.close()
        other.wait(10)
    assert store.run(lambda connection: store.add(connection, CLAIMS, ROW))
    store.close()


class Relay:
    """Between weir and a server: breaks one connection off at the message that is to be the last, before the server
    has it, or after it has been answered and weir knows nothing of that."""

    def __init__(self, port: int) -> None:
        self._port, self.count, self.last, self.arrives, self.silent = port, 0, 0, False, False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server, contextlib.suppress(OSError):
            while True:
                for ready in select_ready([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if self.silent:
                        continue  # as a server that was halted, or a network that has lost it
                    if ready is client and self.last:
                        self.count += 1
                        if self.count == self.last:
                            self.last = 0
                            if self.arrives:
                                server.sendall(data)
                                server.recv(65536)
                            return
                    (server if ready is client else client).sendall(data)


@pytest.mark.needs("pg_ctlcluster")
@pytest.mark.parametrize("arrives", [False, True])
def test_a_connection_that_breaks_at_any_message_changes_no_answer(postgresql: Server, arrives: bool) -> None:
    url = make_url(postgresql.url)
    relay = Relay(url.port or 0)
    budget = Budget(f"broken {arrives}", Scope.ORG, Unit.TOKENS, 10**6, Window.MONTH, warn_from=1)
    through = url.set(port=relay.port).render_as_string(hide_password=False)
    ledger = Ledger.open(through, (budget,), timeout_s=5)
    ledger.charge(Claim(f"first {arrives}", Principal(), "s", "m", 1, None), Actual(0, None))
    right, message, broken = 0, 0, True
    while broken:
        message += 1
        name = f"claim {arrives} {message}"
        relay.count, relay.last, relay.arrives = 0, message, arrives
        held = ledger.reserve(Claim(name, Principal(), "s", "m", 100, None))
        assert isinstance(held, Reservation) and held.standings[0].reserved == 100
        settled = ledger.settle(name, Actual(7, None))
        assert settled.first and len(settled.crossed) == (not right) and not ledger.release(name)
        right += 7
        broken = relay.last == 0
        relay.last = 0
        (standing,) = ledger.standings()
        assert (standing.spent, standing.reserved) == (right, 0)
    assert message > 8
    ledger.close()
    relay.close()


@pytest.mark.needs("pg_ctlcluster")
def test_a_server_that_says_nothing_is_given_up_and_found_again(postgresql: Server) -> None:
    url = make_url(postgresql.url)
    relay = Relay(url.port or 0)
    budget = Budget("silent", Scope.ORG, Unit.TOKENS, 1000, Window.MONTH)
    ledger = Ledger.open(url.set(port=relay.port).render_as_string(hide_password=False), (budget,), timeout_s=0.2)
    claims = [Claim(f"silent {number}", Principal(), "s", "m", 100, None) for number in range(4)]
    assert isinstance(ledger.reserve(claims[0]), Reservation)
    relay.silent = True
    begin = time.monotonic()
    with pytest.raises(LedgerError, match="PostgreSQL"):
        ledger.reserve(claims[1])
    assert time.monotonic() - begin < 45  # a connection is waited for for two seconds at least
    relay.silent = False
    assert isinstance(ledger.reserve(claims[3]), Reservation)
    (standing,) = ledger.standings()
    assert standing.reserved == 200
    ledger.close()
    relay.close()


@pytest.mark.needs("pg_ctlcluster")
def test_a_server_that_restarts_under_a_crowd_loses_and_doubles_nothing(postgresql: Server) -> None:
    budget = Budget("restart", Scope.ORG, Unit.TOKENS, 10**9, Window.MONTH)
    ledger = Ledger.open(postgresql.url, (budget,), timeout_s=5)
    used, errors, over = list[int](), list[str](), threading.Event()

    def work(number: int) -> None:
        turn = 0
        while not over.is_set() or turn < 3:
            name, turn = f"restart-{number}-{turn}", turn + 1
            for step in ("reserve", "settle"):
                while True:  # asked again, until there is an answer
                    try:
                        if step == "reserve":
                            ledger.reserve(Claim(name, Principal(), "s", "m", 50, None))
                        else:
                            ledger.settle(name, Actual(number, None))
                            used.append(number)
                        break
                    except LedgerError as error:
                        errors.append(str(error))
                        over.wait(0.02)

    crowd = [threading.Thread(target=work, args=(number,)) for number in range(1, 13)]
    for thread in crowd:
        thread.start()
    try:
        until(lambda: len(used) > 50, "a crowd")
        postgresql.stop()
        until(lambda: errors, "the server to be missed")
        postgresql.start()
        before = len(used)
        until(lambda: len(used) > before + 50, "the crowd to go on")
    finally:
        over.set()
        for thread in crowd:
            thread.join()
    (standing,) = ledger.standings()
    assert (standing.spent, standing.reserved) == (sum(used), 0)
    assert all("PostgreSQL" in error for error in errors)
    ledger.close()


@pytest.mark.parametrize("value", ["nul\0", "half \ud800", 10**30])
def test_what_a_store_cannot_take_is_refused_alone(tmp_path: Path, value: object) -> None:
    store = Store.open(tmp_path / "limits.db")
    row = (str(value), "held", value if isinstance(value, int) else 1)
    try:
        assert store.run(lambda connection: rows.hold(connection, [row, ("a", "held", 1)], []))
    except (RequestError, OverflowError):
        assert store.run(lambda connection: connection.execute(select(CLAIMS)).all()) == []
    assert store.run(lambda connection: rows.hold(connection, [("b", "held", 1)], []))
    assert not store.run(lambda connection: rows.hold(connection, [("c", "held", 1), ("b", "held", 1)], []))
    store.close()
