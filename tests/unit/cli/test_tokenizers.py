"""``weir tokenizers fetch``: where the files go, and what it says when some can't be had."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.usage.tokenizers import Result

READY = Result("o200k_base", True, "vendor", "o200k_base ready (vendor)")
MISSING = Result("cl100k_base", False, "", "cl100k_base not available (vendor: out of reach)")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Result]], list[Path]]:
    """Have fetch return these results; the directories it was called with."""

    def prepare(results: list[Result]) -> list[Path]:
        called: list[Path] = []

        def fetch(directory: Path, progress: Callable[[str], None]) -> list[Result]:
            called.append(directory)
            progress("vendor: looking [red]\x1b[31m")
            return results

        monkeypatch.setattr("weir.usage.tokenizers.fetch", fetch)
        return called

    return prepare


def test_they_go_to_the_data_directory(weir, fetched, tmp_path: Path) -> None:
    called = fetched([READY])
    done = weir("tokenizers", "fetch", "--data", tmp_path / "data")
    assert done.code == 0
    assert called == [tmp_path / "data" / "tokenizers"]
    assert "o200k_base" in done.out
    assert "vendor: looking" not in done.out
    assert "vendor: looking [red]" in done.err
    assert "\x1b" not in done.err.replace("\x1b[2K", "")


def test_or_where_they_are_told_to(weir, fetched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    called = fetched([READY])
    assert weir("tokenizers", "fetch", "--dir", tmp_path / "shared").code == 0
    assert called == [tmp_path / "shared"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_said_and_exits_1(weir, fetched, tmp_path: Path) -> None:
    fetched([READY, MISSING])
    done = weir("tokenizers", "fetch", "--data", tmp_path / "data", "--format", "json")
    assert done.code == 1
    assert json.loads(done.out) == [
        {"name": "o200k_base", "ok": True, "source": "vendor", "message": READY.message},
        {"name": "cl100k_base", "ok": False, "source": "", "message": MISSING.message},
    ]
    assert "cl100k_base missing" in done.err


def test_a_directory_that_cannot_be_written_is_one_line(weir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[Result]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("weir.usage.tokenizers.fetch", full)
    done = weir("tokenizers", "fetch", "--dir", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "cannot be written (No space left on device)" in done.err
    (tmp_path / "file").write_text("")
    assert weir("tokenizers", "fetch", "--data", tmp_path / "file").code == 1
