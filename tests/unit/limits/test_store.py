"""Stores: private files, addresses that are refused without being repeated, transactions that leave nothing."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from harness.processes import ROOT
from weir.limits.store import CLAIMS, LedgerError, Store

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
