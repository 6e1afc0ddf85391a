"""Usage that is told later is counted once, whoever asks, over restarts and processes."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from weir.usage import later
from weir.usage.later import Later


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "later.db"


def test_what_is_expected_is_claimed_once(path: Path) -> None:
    one = Later(path)
    assert not one.claim("openai:resp_1", awaited=True)
    one.expect("openai:resp_1")
    one.expect("openai:resp_1")
    assert [one.claim("openai:resp_1", awaited=True) for _ in range(3)] == [True, False, False]
    one.expect("openai:resp_1")  # asked for again: it has been counted
    assert not one.claim("openai:resp_1", awaited=True)


def test_what_nobody_expected_is_claimed_once_too(path: Path) -> None:
    one = Later(path)
    assert [one.claim("openai:file-1", awaited=False) for _ in range(3)] == [True, False, False]
    one.expect("openai:file-2")
    assert [one.claim("openai:file-2", awaited=False) for _ in range(2)] == [True, False]


def test_a_restart_forgets_nothing_and_the_file_is_private(path: Path) -> None:
    Later(path).expect("a")
    assert Later(path).claim("a", awaited=True) and not Later(path).claim("a", awaited=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"resp_" not in path.read_bytes()


def test_many_at_once_and_one_counts(path: Path) -> None:
    ones = [Later(path) for _ in range(4)]
    ones[0].expect("a")

    def claim(number: int) -> bool:
        return ones[number % 4].claim("a", awaited=bool(number % 2))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(claim, range(32))) == 1


def test_the_file_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "_PRUNE_EVERY", 2)
    now = [1_000_000.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    one = Later(path, most=10, clock=clock)
    for number in range(30):
        now[0] += 1
        one.expect(f"k{number}")
    assert not one.claim("k0", awaited=True) and one.claim("k29", awaited=True)
    now[0] += 500 * 24 * 3600
    one.expect("new")
    one.expect("newer")
    assert not one.claim("k28", awaited=True)


def test_a_broken_file_counts_and_says_so(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    assert Later(path).claim("secret-id", awaited=True)
    assert "is counted" in caplog.text and "secret-id" not in caplog.text
