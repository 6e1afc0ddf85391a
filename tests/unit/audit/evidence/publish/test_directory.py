from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.evidence.publish.directory import Directory
from weir.audit.evidence.publish.place import Conflict, Entry, Unreachable


def test_one_file_an_entry(tmp_path: Path, some: list[Entry]) -> None:
    place = Directory(tmp_path)
    place.send(some[:4])
    place.send(some)  # at least once
    for entry in some:
        assert (tmp_path / entry.name).read_bytes() == entry.note
        assert (tmp_path / entry.name).stat().st_mode & 0o222 == 0
    assert len(list((tmp_path / "p").rglob("*"))) == 1 + len(some)
    place.close()


def test_nothing_is_ever_written_over(tmp_path: Path, some: list[Entry]) -> None:
    Directory(tmp_path).send(some)
    others = [Entry(entry.proxy_id, entry.number, entry.ts, entry.note + b"\n") for entry in some[1:3]]
    later = Entry("p", 7, some[-1].ts, b"later")
    with pytest.raises(Conflict, match="entry 2 "):
        Directory(tmp_path).send([*others, later])
    assert (tmp_path / some[1].name).read_bytes() == some[1].note
    assert (tmp_path / later.name).read_bytes() == b"later", "what could be kept is"


def test_a_mount_that_is_not_there_is_not_made(tmp_path: Path, some: list[Entry]) -> None:
    with pytest.raises(Unreachable, match="mount it"):
        Directory(tmp_path / "mount").send(some)
    assert not (tmp_path / "mount").exists()
    (tmp_path / "file").touch()
    (tmp_path / "p").write_text("in the way")
    with pytest.raises(Unreachable):
        Directory(tmp_path).send(some)
