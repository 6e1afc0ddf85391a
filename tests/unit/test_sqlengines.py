"""Files that are still those that were opened, and files that are not."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError

from harness.processes import ROOT
from weir.sqlengines import File, postgresql_engine, sqlite_engine


def test_a_file_is_made_private_and_known_again(tmp_path: Path) -> None:
    path = tmp_path / "limits.db"
    file = File(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and file.there
    path.rename(tmp_path / "away")
    assert not file.there
    path.touch()
    assert not file.there and File(path).there
    (tmp_path / "away").rename(path)
    assert file.there


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    with pytest.raises(OSError, match="symbolic link"):
        File(tmp_path / "link.db")


def test_a_damaged_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "limits.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE t (a TEXT)")
        made.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 200)
    made.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    engine = sqlite_engine(File(path), 1.0)
    with pytest.raises(DatabaseError, match=r"damaged|malformed"):
        engine.connect()
    engine.dispose()


OPENER = """
import sys
from pathlib import Path
from weir.sqlengines import File, sqlite_engine
print("ready", flush=True); sys.stdin.readline()
with sqlite_engine(File(Path(sys.argv[1])), 10.0).begin() as c:
    c.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a)")
"""


def test_processes_that_open_a_new_file_at_once_all_can(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT / "addons")}
    command = [sys.executable, "-c", OPENER, str(tmp_path / "limits.db")]
    pipe = subprocess.PIPE
    crowd = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) for _ in range(4)]
    for process in crowd:
        assert process.stdout and process.stdout.readline() == b"ready\n"
    ended = []
    for process in crowd:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in crowd:
        ended.append(process.communicate(timeout=60)[1])
    assert ended == [b""] * 4 and [process.returncode for process in crowd] == [0] * 4


def test_what_a_server_is_told_about_waiting() -> None:
    engine = postgresql_engine(make_url("postgresql://u:word@h/d"), 2.0)
    _, given = engine.dialect.create_connect_args(engine.url)
    assert engine.url.drivername == "postgresql+psycopg" and "word" not in repr(engine) and given["host"] == "h"
