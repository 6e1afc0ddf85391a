from __future__ import annotations

import os
from pathlib import Path

import pytest

from weir.audit.evidence.removals import announced, forget, name_of, path_of, removing


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "audit").mkdir()
    return tmp_path


def test_what_is_told_is_known_until_it_is_forgotten(data: Path) -> None:
    assert announced(data) == frozenset()
    removing(data, [data / "spool" / "a.jsonl.zst", data / "content" / "b.content"])
    removing(data, [data / "spool" / "a.jsonl.zst"])
    assert announced(data) == {"spool/a.jsonl.zst", "content/b.content"}
    assert path_of(data).stat().st_mode & 0o777 == 0o600
    forget(data, {"spool/a.jsonl.zst", "never/told"})
    assert announced(data) == {"content/b.content"}
    forget(data, set())


def test_a_line_that_broke_off_never_counted_and_spoils_no_other(data: Path) -> None:
    path_of(data).write_bytes(b'{"name":"spool/x"}\n{"name":"spo')
    removing(data, [data / "spool" / "y"])
    assert announced(data) == {"spool/x", "spool/y"}


def test_a_disk_that_takes_a_part_only_is_asked_for_the_rest(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, text: write(fd, text[:7]))
    removing(data, [data / "spool" / "a.jsonl.zst", data / "spool" / "b.jsonl.zst"])
    assert announced(data) == {"spool/a.jsonl.zst", "spool/b.jsonl.zst"}


def test_only_files_of_the_data_directory_have_a_name(data: Path, tmp_path: Path) -> None:
    assert name_of(data, data / "spool" / "a") == "spool/a"
    with pytest.raises(ValueError):
        removing(data, [tmp_path.parent / "elsewhere"])
    removing(data, [data / "spool" / ".hidden"])  # which can't be in the log either
    assert announced(data) == frozenset()
