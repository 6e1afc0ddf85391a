"""Each line of a log is in the audit once, however often, packed or grown its file comes."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, new_event_id
from weir.audit.spool import room
from weir.audit.spool.records import write_records
from weir.audit.store import database as store
from weir.cli.app import start
from weir.cli.discover import landing
from weir.datadir import DataDir

BEGIN = int(time.time()) - 86_400 * 3


def lines(*users: str, at: int = BEGIN) -> bytes:
    return b"".join(
        f"{at}.500 12 10.0.0.1 TCP_TUNNEL/200 100 CONNECT chatgpt.com:443 {user} HIER_DIRECT/1.2.3.4 -\n".encode()
        for user in users
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def kept(data: Path) -> list[tuple[Any, ...]]:
    query = """SELECT "user", sum((extra->>'$.requests')::INT)::INT FROM exchanges GROUP BY ALL ORDER BY ALL"""
    return store.sql(data, query)[1]


def test_of_a_log_that_has_grown_the_new_lines_are_taken(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(lines("ann", "ann"))
    assert start(["discover", str(log), "--data", str(data)]) == 0
    with log.open("ab") as file:
        file.write(lines("bob", "ann") + b"junk\n")
    capsys.readouterr()
    assert start(["discover", str(log), "--data", str(data), "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)["files"][0]
    assert (told["from"], told["requests"], told["bad"][0]["lines"]) == (len(lines("ann", "ann")), 2, [5])
    assert "what follows is counted here" in err
    # Rotated, packed, and imported again: nothing of it is new.
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    assert start(["discover", str(tmp_path / "access.log.1.gz"), "--data", str(data)]) == 0
    assert "the audit has it since" in capsys.readouterr().err
    assert kept(data) == [("ann", 3), ("bob", 1)]


def test_a_directory_and_the_same_log_twice(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_bytes(lines("ann"))
    (tmp_path / "logs" / "a.log.gz").write_bytes(gzip.compress(lines("ann")))
    assert start(["discover", str(tmp_path / "logs"), "--data", str(data), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["services"][0]["requests"] == 1
    assert "holds the same as" in err
    assert kept(data) == [("ann", 1)]


def test_an_import_that_the_ingester_takes_over_at_that_moment_is_known(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ingest() -> None:
        with Ingester(data / "spool", data / "audit") as ingester:
            ingester.run_once()

    ask, home = store.sql, DataDir(data)

    def asked(*given: Any) -> Any:
        found = ask(*given)
        ingest()
        return found

    def write(**told: Any) -> None:
        row = AuditRecord(event_id=new_event_id(), kind="config", ts=5, extra=json.dumps(told))
        write_records(home.spool, home.proxy_id, [row])

    write(other=1)
    ingest()
    write(**{"import": "of this file", "bytes": 7})
    monkeypatch.setattr(store, "sql", asked)
    assert landing._imports(data) == {"of this file": (5, 7)}


def test_two_imports_wait_for_each_other(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_bytes(lines("ann"))
    lock = os.open(data / "discover.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    other = threading.Thread(target=start, args=[["discover", str(tmp_path / "a.log"), "--data", str(data)]])
    other.start()
    while "waits for another import" not in capsys.readouterr().err:
        time.sleep(0.01)
    assert not (data / "spool").exists()
    os.close(lock)
    other.join(60)
    assert kept(data) == [("ann", 1)]


def test_below_the_floor_of_the_disk_nothing_is_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda path: 1_000)
    (tmp_path / "a.log").write_bytes(lines("ann"))
    assert start(["discover", str(tmp_path / "a.log"), "--data", str(data)]) == 1
    assert "audit.disk.floor" in capsys.readouterr().err
    assert not list((data / "spool").glob("*")) if (data / "spool").exists() else True


def test_what_is_older_than_the_audit_keeps_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.log").write_bytes(lines("ann", at=BEGIN - 86_400 * 500) + lines("ann"))
    assert start(["discover", str(tmp_path / "a.log"), "--data", str(data)]) == 0
    assert "1 of them older than audit.retention.days (400)" in capsys.readouterr().err


def test_an_unreadable_file_does_not_keep_the_others_out(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b.log").write_bytes(lines("ann"))
    looked = landing.open_log

    def gone(path: Path | None) -> Any:
        if path is not None and path.name == "a.log":
            raise OSError(errno.EIO, "Input/output error")
        return looked(path)

    (tmp_path / "a.log").write_bytes(lines("bob"))
    monkeypatch.setattr("weir.logs.opening.open_log", gone)
    assert start(["discover", str(tmp_path / "a.log"), str(tmp_path / "b.log"), "--data", str(data)]) == 1
    assert "cannot be read (input/output error)" in capsys.readouterr().err
    assert kept(data) == [("ann", 1)]
