from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from weir.audit.spool import segment as module
from weir.audit.spool.opened import held
from weir.audit.spool.segment import Segment, release_reserves, reserve


def test_space_is_reserved_without_showing_in_the_length(tmp_path: Path) -> None:
    made = Segment(tmp_path / "a.jsonl", 1 << 20)
    made.append(b"one\n")
    info = (tmp_path / "a.jsonl").stat()
    assert info.st_size == 4
    assert stat.S_IMODE(info.st_mode) == 0o600
    assert info.st_blocks * 512 >= 1 << 20
    made.close()
    assert (tmp_path / "a.jsonl").stat().st_blocks * 512 < 1 << 20
    made.close()


def test_an_existing_file_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        Segment(tmp_path / "a.jsonl", 10)
    assert (tmp_path / "a.jsonl").read_bytes() == b"kept"


def test_whoever_asks_for_a_moment_whether_it_is_in_use_fails_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, asking = os.open, []

    def asked(path: Path, flags: int, mode: int = 0o777) -> int:
        fd = opened(path, flags, mode)
        if not asking and flags & os.O_CREAT:  # between its making and its lock, as `held` of another process
            asking.append(opened(path, os.O_RDONLY))
            fcntl.flock(asking[0], fcntl.LOCK_SH)
            threading.Timer(0.02, os.close, asking).start()
        return fd

    monkeypatch.setattr(os, "open", asked)
    made = Segment(tmp_path / "a.jsonl", 10)
    assert asking and held(made.path)
    made.close()


def test_a_segment_that_somebody_keeps_is_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(fd: int, how: int) -> None:
        raise BlockingIOError(errno.EWOULDBLOCK, "busy")

    monkeypatch.setattr(fcntl, "flock", never)
    monkeypatch.setattr(module, "_CLAIM_S", 0.0)
    with pytest.raises(BlockingIOError):
        Segment(tmp_path / "a.jsonl", 10)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_reserve_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "reserve", full)
    with pytest.raises(OSError, match="No space"):
        Segment(tmp_path / "a.jsonl", 10)
    assert list(tmp_path.iterdir()) == []


def test_reserving_more_than_the_disk_has_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file, pytest.raises(OSError) as caught:
        reserve(file.fileno(), 1 << 60)
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)


def test_a_failed_append_is_repeated_over_the_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Segment(tmp_path / "a.jsonl", 1 << 16)
    made.append(b"first\n")
    real, calls = os.pwrite, []

    def torn(fd: int, data: memoryview, at: int) -> int:
        calls.append(at)
        if len(calls) == 1:
            return real(fd, data[:3], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", torn)
    with pytest.raises(OSError, match="No space"):
        made.append(b"second\n")
    assert (tmp_path / "a.jsonl").read_bytes() == b"first\nsec"
    monkeypatch.undo()
    made.append(b"second\n")
    made.close()
    assert (tmp_path / "a.jsonl").read_bytes() == b"first\nsecond\n"


def test_close_cuts_off_what_is_not_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Segment(tmp_path / "a.jsonl", 1 << 16)
    made.append(b"first\n")

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(OSError, match="Input/output"):
        made.append(b"second\n")
    made.close()
    assert (tmp_path / "a.jsonl").read_bytes() == b"first\n"


def test_reserves_of_the_dead_are_released_and_of_the_living_not(tmp_path: Path) -> None:
    dead, live = tmp_path / "dead.jsonl", Segment(tmp_path / "live.jsonl", 1 << 20)
    live.append(b"x\n")
    with dead.open("wb") as file:
        file.write(b"x\n")
        file.flush()
        reserve(file.fileno(), 1 << 20)
    release_reserves(tmp_path)
    assert dead.stat().st_blocks * 512 < 1 << 20 and dead.read_bytes() == b"x\n"
    assert live.path.stat().st_blocks * 512 >= 1 << 20
    live.close()


@pytest.mark.parametrize("how", ["moved", "replaced", "removed"])
def test_a_file_that_lost_its_name_takes_nothing_more(tmp_path: Path, how: str) -> None:
    made = Segment(tmp_path / "a.jsonl", 1 << 16)
    made.append(b"first\n")
    if how == "removed":
        (tmp_path / "a.jsonl").unlink()
    else:
        (tmp_path / "a.jsonl").rename(tmp_path / "b.jsonl")
    if how == "replaced":
        (tmp_path / "a.jsonl").write_bytes(b"first\n")
    with pytest.raises(OSError, match="moved or removed") as caught:
        made.append(b"second\n")
    assert caught.value.errno == errno.ESTALE and made.lost
    made.close()
    if how != "removed":
        assert (tmp_path / "b.jsonl").read_bytes() == b"first\n"
