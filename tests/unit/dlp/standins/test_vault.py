from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.processes import ROOT, until
from weir.datadir import DataDirError
from weir.dlp.standins.vault import Vault

KEY, OTHER = b"k" * 32, b"o" * 32
DAY = 86_400.0
CANARY = "canary.jane.doe@example.org"


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pseudonyms.db"


def made(path: Path, key: bytes = KEY, **bounds: int) -> Vault:
    return Vault(path, lambda: key, **bounds)  # type: ignore[arg-type]


def write(vault: Vault, **texts: str) -> None:
    for name, text in texts.items():
        vault.put(name, text.encode, DAY)
        vault.flush(10)


def files(path: Path) -> bytes:
    return b"".join(file.read_bytes() + file.name.encode() for file in sorted(path.parent.iterdir()))


def test_what_was_put_is_there_after_a_restart(path: Path) -> None:
    vault = made(path)
    assert vault.get("a", DAY) is None
    write(vault, a="first", b="second")
    write(vault, a="third")
    for one in (vault, made(path)):
        assert (one.get("a", DAY), one.get("b", DAY), one.get("c", DAY)) == (b"third", b"second", None)


def test_what_still_waits_is_there(path: Path) -> None:
    vault = made(path)
    with vault._store:  # the writer has to wait
        vault.put("a", lambda: b"one", DAY)
        vault.put("b", lambda: b"two", DAY)
        vault.put("b", lambda: b"three", DAY)
        assert (vault.get("a", DAY), vault.get("b", DAY)) == (b"one", b"three")
    vault.flush(10)
    assert (vault.get("a", DAY), vault.get("b", DAY)) == (b"one", b"three")


def test_nothing_is_made_before_there_is_something_to_keep(path: Path) -> None:
    asked: list[bool] = []

    def key() -> bytes:
        asked.append(True)
        return KEY

    vault = Vault(path, key)
    assert vault.get("a", DAY) is None
    vault.flush(1)
    vault.erase()
    assert not asked and list(path.parent.iterdir()) == []


def test_nothing_in_the_files_is_in_clear(path: Path) -> None:
    vault = made(path)
    write(vault, **{CANARY: f"the value {CANARY}", "conversation-7": "short"})
    stored = files(path)
    assert b"canary" not in stored and b"conversation-7" not in stored and b"short" not in stored and KEY not in stored
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_lengths_tell_little(path: Path) -> None:
    write(made(path), a="x", b="x" * 400)
    with sqlite3.connect(path) as connection:
        assert len({row[0] for row in connection.execute("SELECT length(data) FROM sealed")}) == 1


def test_a_record_under_another_name_is_not_opened(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(made(path), a="of a", b="of b")
    vault = made(path)
    with sqlite3.connect(path) as connection:
        pairs = [(vault._digest("a"), vault._digest("b"))]
        connection.executemany(
            "UPDATE sealed SET data = (SELECT data FROM sealed WHERE name = ?2) WHERE name = ?1", pairs
        )
    assert (vault.get("a", DAY), vault.get("b", DAY)) == (None, b"of b")
    assert "can't be opened" in caplog.text


def another_key(path: Path) -> None:
    write(made(path, OTHER), a="theirs")


def no_database(path: Path) -> None:
    path.write_bytes(b"this is no database " * 300)


def another_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sealed (x)")
    connection.close()


def no_probe(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sealed (name BLOB PRIMARY KEY, seen INTEGER, data BLOB) WITHOUT ROWID")
        connection.execute("INSERT INTO sealed VALUES (x'01', 1, x'02')")
    connection.close()


def torn(path: Path) -> None:
    write(made(path), **{str(n): "x" * 2000 for n in range(50)})
    data = bytearray(path.read_bytes())
    data[200 : len(data) // 2] = b"\xff" * (len(data) // 2 - 200)
    path.write_bytes(data)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@pytest.mark.parametrize("break_it", [another_key, no_database, another_table, no_probe, torn])
@pytest.mark.parametrize("first", ["get", "put"])
def test_what_cannot_be_read_is_told_and_begun_anew(
    path: Path, caplog: pytest.LogCaptureFixture, break_it: Callable[[Path], None], first: str
) -> None:
    break_it(path)
    vault = made(path)
    if first == "get":
        assert vault.get("a", DAY) is None
    write(vault, a="mine")
    assert "begun anew" in caplog.text
    assert vault.get("a", DAY) == b"mine" and made(path).get("a", DAY) == b"mine"


def test_a_first_look_beside_the_first_write(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        path = tmp_path / str(number) / "p.db"
        path.parent.mkdir()
        vault = made(path)
        vault.put("a", lambda: b"x", DAY)
        while not path.exists() or vault._reader is None:
            vault.get("b", DAY)
        vault.flush(10)
        assert vault.get("a", DAY) == b"x"
    assert "begun anew" not in caplog.text


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vault = made(tmp_path / "nowhere" / "p.db")
    write(vault, a="x")
    assert vault.get("a", DAY) is None and "can't be used" in caplog.text


def test_a_link_in_its_place_is_not_followed(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    write(made(path), a="x")
    assert not (tmp_path / "elsewhere").exists() and "can't be used" in caplog.text


def test_a_key_that_cannot_be_had_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def key() -> bytes:
        raise DataDirError("the key is open to others")

    write(made(path), a="x")
    vault = Vault(path, key)
    assert vault.get("a", DAY) is None
    vault.put("a", lambda: b"y", DAY)
    vault.flush(10)
    assert caplog.text.count("open to others") == 2 and made(path).get("a", DAY) == b"x"


def test_the_old_is_not_given_out_and_removed(path: Path) -> None:
    clock = Clock()
    vault = Vault(path, lambda: KEY, clock=clock)
    vault.put("a", lambda: b"old", DAY)
    vault.flush(10)
    clock.now += DAY + 120
    assert vault.get("a", DAY) is None
    again = Vault(path, lambda: KEY, clock=clock)
    again.put("b", lambda: b"new", DAY)
    again.flush(10)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sealed").fetchone() == (2,)  # with the probe
    assert again.get("b", DAY) == b"new"


@pytest.mark.parametrize(("bounds", "left"), [({"max_records": 3}, 3), ({"max_bytes": 2100}, 3)])
def test_the_longest_unused_make_room(path: Path, bounds: dict[str, int], left: int) -> None:
    clock = Clock()
    for number in range(10):  # each begins with a look at the bounds
        vault = Vault(path, lambda: KEY, clock=clock, **bounds)  # type: ignore[arg-type]
        vault.put(str(number), lambda: b"x", DAY)
        vault.flush(10)
        clock.now += 60
    assert [vault.get(str(n), DAY) is not None for n in range(10)] == [False] * (10 - left) + [True] * left


def test_erased_is_gone_and_can_begin_again(path: Path) -> None:
    vault = made(path)
    write(vault, a="x")
    assert vault.get("a", DAY) == b"x"
    with vault._store:
        vault.put("b", lambda: b"too late", DAY)
        vault.erase()
    vault.flush(10)
    assert list(path.parent.iterdir()) == [] and vault.get("a", DAY) is None
    write(vault, c="z")
    assert (vault.get("a", DAY), vault.get("b", DAY), vault.get("c", DAY)) == (None, None, b"z")


def test_what_waits_is_written_when_the_process_ends(path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom weir.dlp.standins.vault import Vault\n"
        "vault = Vault(pathlib.Path(sys.argv[1]), lambda: b'k' * 32)\n"
        "for n in range(200): vault.put(str(n), lambda: b'x', 1e6)\n"
    )
    environment = {"PYTHONPATH": str(ROOT / "addons")}
    subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True, timeout=60)
    assert made(path).get("199", 1e6) == b"x"


def test_repr_and_log_hide_everything(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    another_key(path)
    vault = made(path)
    write(vault, a=CANARY)
    assert "canary" not in repr(vault) + caplog.text


def test_some_are_forgotten_on_disk_and_on_their_way(path: Path) -> None:
    vault = made(path)
    write(vault, a="x" * 5000, b="y")
    with vault._store:  # the writer has made its rows and waits to put them in
        vault.put("c", lambda: b"late", DAY)
        vault.put("d", lambda: b"stays", DAY)
        until(lambda: vault._in_hand, "the writer has them in hand")
        assert vault.forget({"a", "c", "never was"}) == 1
    vault.flush(10)
    assert [vault.get(name, DAY) for name in "abcd"] == [None, b"y", None, b"stays"]
    assert made(path).get("a", DAY) is None
    assert path.with_name(path.name + "-wal").stat().st_size == 0 or not path.with_name(path.name + "-wal").exists()


def test_forgetting_makes_no_store(path: Path) -> None:
    assert made(path).forget({"a"}) == 0 and not path.exists()


def test_a_store_that_cannot_be_written_is_not_silently_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = made(path)
    write(vault, a="x")

    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def busy(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(vault, "_connect", busy)
    with pytest.raises(OSError, match="cannot be written"):
        vault.forget({"a"})
