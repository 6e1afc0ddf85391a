"""The data directory: modes, private files, locks, keys that two processes agree on."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from weir.datadir import (
    DataDir,
    DataDirError,
    create_private,
    held,
    locked,
    read_private,
    write_private,
    write_public,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directories_are_made_for_the_owner_only(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "deep" / "data")
    for path in (data.path, data.ca, data.keys, data.spool, data.audit, data.run, data.tokenizers, data.prices):
        assert path.is_dir()
        assert mode(path) == 0o700
    assert data.spool == data.path / "spool"


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        data = DataDir(tmp_path / "data")
        data.secret("fingerprints")
    finally:
        os.umask(old)
    assert mode(data.path) == 0o700
    assert mode(data.path / "secrets" / "fingerprints.key") == 0o600


@pytest.mark.parametrize("bits", [0o770, 0o707, 0o777])
def test_a_directory_that_others_may_write_is_refused(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(bits)
    with pytest.raises(DataDirError, match="chmod go-w"):
        DataDir(path)


def test_a_directory_that_others_may_read_is_the_operators_choice(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(0o755)
    assert DataDir(path).path == path
    assert mode(path) == 0o755


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("")
    with pytest.raises(DataDirError, match="is not a directory"):
        DataDir(path)
    with pytest.raises(DataDirError, match="cannot be"):
        DataDir(path / "below")


def test_secrets_are_random_kept_and_separate(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    first = data.secret("virtual-keys")
    assert len(first) == 32
    assert data.secret("virtual-keys") == first
    assert DataDir(tmp_path / "data").secret("virtual-keys") == first
    assert data.secret("fingerprints") != first
    assert len(data.secret("short", 16)) == 16


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, bits: int) -> None:
    data = DataDir(tmp_path / "data")
    data.secret("fingerprints")
    path = data.path / "secrets" / "fingerprints.key"
    path.chmod(bits)
    with pytest.raises(DataDirError, match="chmod 600"):
        data.secret("fingerprints")


def test_a_key_of_the_wrong_length_is_not_used(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.secret("fingerprints")
    write_private(data.path / "secrets" / "fingerprints.key", b"short")
    with pytest.raises(DataDirError, match="holds 5 bytes, expected 32"):
        data.secret("fingerprints")


@pytest.mark.parametrize("name", ["", "../ca", "UPPER", "with space", "-x", "x" * 65])
def test_secret_names_cannot_leave_their_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="a secret's name"):
        DataDir(tmp_path / "data").secret(name)


def test_two_processes_at_once_agree_on_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from weir.datadir import DataDir;"
        "data = DataDir(Path(sys.argv[1])); sys.stdin.read(1);"
        "print(data.secret('race').hex(), data.proxy_id)"
    )
    source = Path(__file__).parents[2] / "addons"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(source)},
        )
        for _ in range(4)
    ]
    for process in running:
        assert process.stdin
        process.stdin.write(b"g")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0] for process in running}
    assert len(said) == 1
    assert len(said.pop().split()[0]) == 64


def test_threads_at_once_agree_on_one_file(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)
    got: list[bytes] = []

    def start() -> None:
        barrier.wait()
        got.append(create_private(tmp_path / "key", lambda: os.urandom(16)))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(got)) == 1


def test_the_proxy_id_stays(tmp_path: Path) -> None:
    first = DataDir(tmp_path / "data").proxy_id
    assert first.startswith("weir-")
    assert DataDir(tmp_path / "data").proxy_id == first
    assert DataDir(tmp_path / "other").proxy_id != first
    write_private(tmp_path / "data" / "proxy-id", b"a b\nc")
    with pytest.raises(DataDirError, match="is not a proxy id"):
        _ = DataDir(tmp_path / "data").proxy_id


def test_private_and_public_files_have_their_modes_and_leave_nothing_behind(tmp_path: Path) -> None:
    write_private(tmp_path / "a", b"1")
    write_private(tmp_path / "a", b"2")
    write_public(tmp_path / "b", b"3")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert mode(tmp_path / "a") == 0o600
    assert mode(tmp_path / "b") == 0o644
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="cannot be written"):
        write_private(tmp_path / "missing" / "a", b"1")
    (tmp_path / "d").mkdir()
    with pytest.raises(DataDirError, match="cannot be written"):
        write_private(tmp_path / "d", b"1")
    assert list(tmp_path.iterdir()) == [tmp_path / "d"]


def test_only_plain_bounded_files_are_read(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="cannot be read"):
        read_private(tmp_path / "missing")
    with pytest.raises(DataDirError, match="not a regular file"):
        read_private(tmp_path)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(DataDirError, match="not a regular file"):
        read_private(tmp_path / "fifo")
    write_private(tmp_path / "a", b"12345")
    assert read_private(tmp_path / "a", 5) == b"12345"
    with pytest.raises(DataDirError, match="larger than 4"):
        read_private(tmp_path / "a", 4)


def test_a_held_lock_is_waited_for_only_so_long(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "a"),
        pytest.raises(DataDirError, match="held its lock"),
        locked(tmp_path / "a", timeout_s=0.05),
    ):
        raise AssertionError("two holders of one lock")
    with locked(tmp_path / "a", timeout_s=0.05):
        assert [one.name for one in tmp_path.iterdir()] == [".a.lock"]
    assert list(tmp_path.iterdir()) == [], "the lock is gone with its holder"
    with pytest.raises(DataDirError, match="cannot be opened"), locked(tmp_path / "missing" / "a"):
        raise AssertionError("a lock in a missing directory")


def test_a_lock_that_goes_with_its_holder_still_has_one_holder_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most = 0

    def hold() -> None:
        nonlocal most
        for _ in range(20):
            with locked(tmp_path / "a", timeout_s=60):
                inside.append(1)
                most = max(most, len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and list(tmp_path.iterdir()) == []


def test_a_lock_file_that_was_taken_away_before_it_was_locked_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holders, flock = [locked(tmp_path / "a")], fcntl.flock
    holders[0].__enter__()

    def late(fd: int, how: int) -> None:
        if holders:
            holders.pop().__exit__(None, None, None)  # between the open and the lock of the next one
            (tmp_path / ".a.lock").touch(0o600)  # and a third one has come
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(tmp_path / "a"):
        assert not holders
        with pytest.raises(DataDirError, match="held its lock"), locked(tmp_path / "a", timeout_s=0.05):
            raise AssertionError("two holders of one lock")


def test_who_holds_a_file_is_seen_and_what_cannot_be_looked_at_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.lock"
    assert not held(path)  # there is none
    path.touch()
    assert not held(path)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert held(path)
    assert not held(path)

    def full(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("weir.datadir.os.open", full)
    with pytest.raises(OSError, match="Too many"):
        held(path)
