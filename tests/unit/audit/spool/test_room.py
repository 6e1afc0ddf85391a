from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from weir.audit.spool import room as module
from weir.audit.spool.room import Room, free_bytes, shown
from weir.sections_audit import Disk


def test_the_file_system_is_asked_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, free, asked = [0.0], [100], []
    monkeypatch.setattr(module, "free_bytes", lambda path: asked.append(path) or free[0])
    room = Room(tmp_path, Disk(warn=60, floor=50), clock=lambda: now[0])
    assert room.free() == 100 and not room.full()
    free[0] = 40
    assert not room.full() and len(asked) == 1
    now[0] = 1.0
    assert room.full() and room.free() == 40 and len(asked) == 2
    with pytest.raises(OSError, match=r"audit\.disk\.floor") as caught:
        room.check()
    assert caught.value.errno == errno.ENOSPC
    room.disk = Disk(warn=0, floor=0)
    assert not room.full()
    room.check()


def test_what_may_be_set_aside_is_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [100]
    monkeypatch.setattr(module, "free_bytes", lambda path: free[0])
    room = Room(tmp_path, Disk(warn=60, floor=50))
    assert room.above_floor() == 50
    free[0] = 20
    assert room.above_floor() == 0


def test_no_answer_is_not_full(tmp_path: Path) -> None:
    room = Room(tmp_path / "gone", Disk())
    assert not room.full() and room.above_floor() > 1 << 40


def test_what_root_alone_may_use_is_not_free(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    assert abs(free_bytes(tmp_path) - found.f_bavail * found.f_frsize) < 1 << 30


@pytest.mark.parametrize(("size", "text"), [(0, "0 MiB"), (812 << 20, "812 MiB"), (9 << 29, "4.5 GiB")])
def test_sizes_as_people_read_them(size: int, text: str) -> None:
    assert shown(size) == text
