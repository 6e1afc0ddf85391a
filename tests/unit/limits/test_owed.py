"""What is owed is paid in order, and a restart forgets none of it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from weir.limits import owed as module
from weir.limits.budget import Claim
from weir.limits.owed import Owed
from weir.limits.rows import Actual
from weir.model import Principal

WHO = Principal(user="j\udcffane", team="finance", app="a", key_id="vk-1")


def claim(number: int) -> Claim:
    return Claim(f"c{number}", WHO, "openai", "gpt-5", 60, None if number else 10**15)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "owed.jsonl"


def test_another_process_pays_it(file: Path) -> None:
    first = Owed(file, clock=lambda: 1000.0)
    for number, actual in enumerate((Actual(5, 7), Actual(5, None), None)):
        first.add(claim(number), actual, held=number == 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = Owed(file, clock=lambda: 2000.0)
    assert len(second) == 3
    for number, actual in enumerate((Actual(5, 7), Actual(5, None), None)):
        debt = second.first
        assert (debt.claim, debt.actual, debt.held, debt.at) == (claim(number), actual, number == 1, 1000)
        second.paid()
    assert not file.exists() and len(Owed(file)) == 0


def test_damaged_and_old_entries_are_told_and_left_out(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    owed = Owed(file, clock=lambda: 1000.0)
    owed.add(claim(1), None, held=False)
    with file.open("ab") as out:
        out.write(b'{"id": 5}\n[]\n{"id": "c9", "who": ["a", "b", "c", "d"], "wha')
    assert len(Owed(file, clock=lambda: 1001.0)) == 1
    assert "3 entries" in caplog.text
    assert len(Owed(file, clock=lambda: 1000.0 + 86_401)) == 0 and not file.exists()


def test_there_is_an_end_to_it(file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    owed = Owed(None)
    for number in range(3):
        owed.add(claim(number), None, held=False)
    assert len(owed) == 2 and "too much is owed" in caplog.text


def test_a_disk_that_refuses_leaves_it_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    owed = Owed(tmp_path / "nowhere" / "owed.jsonl")
    owed.add(claim(1), None, held=False)
    assert len(owed) == 1 and "in memory alone" in caplog.text
    owed.paid()
    (tmp_path / "folder").mkdir()
    assert len(Owed(tmp_path / "folder")) == 0 and "cannot be read" in caplog.text
