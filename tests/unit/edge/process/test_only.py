"""One weir a data directory, and what is owed from one to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.datadir import DataDir
from weir.edge.process.only import gather_owed, only_one


def test_the_lock_is_one_processs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = DataDir(tmp_path / "data")
    lock = only_one(data)
    assert lock is not None and only_one(data) is None and "another weir is at work" in caplog.text
    lock.close()
    again = only_one(data)
    assert again is not None
    again.close()


@pytest.mark.parametrize("into", ["limits-owed.jsonl", "limits-owed-1.jsonl"])
def test_what_workers_owe_comes_together(tmp_path: Path, into: str) -> None:
    data = DataDir(tmp_path / "data")
    for name in ("", "-1", "-2"):
        (data.path / f"limits-owed{name}.jsonl").write_text(f"{name or 'one'}\n")
    gather_owed(data, data.path / into)
    (left,) = data.path.glob("limits-owed*")
    assert left.name == into and sorted(left.read_text().splitlines()) == ["-1", "-2", "one"]
    data.worker = 2
    assert data.owed.name == "limits-owed-2.jsonl"


def test_what_cannot_be_moved_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = DataDir(tmp_path / "data")
    (data.path / "limits-owed-3.jsonl").mkdir()
    gather_owed(data, data.owed)
    assert "what is owed cannot be read" in caplog.text and (data.path / "limits-owed-3.jsonl").exists()
