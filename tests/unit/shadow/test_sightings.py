"""Each service is new once, whoever asks."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from weir.shadow.sightings import Sightings


def test_a_service_is_new_once_for_all_that_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "seen.db"
    assert Sightings(path).known() == frozenset() and not path.exists()
    with ThreadPoolExecutor(4) as pool:
        firsts = list(pool.map(lambda _: Sightings(path).first("openai"), range(12)))
    assert firsts.count(True) == 1
    assert Sightings(path).first("anthropic") and not Sightings(path).first("anthropic")
    assert Sightings(path).known() == {"openai", "anthropic"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    seen = Sightings(tmp_path / "seen.db", most=3)
    assert [seen.first(f"host{number}.example") for number in range(5)] == [True] * 3 + [None] * 2
    assert len(seen.known()) == 3
    assert seen.first("x" * 9000) is None and seen.first("host0.example") is False


def test_hosts_that_anybody_can_make_up_leave_room_for_listed_services(tmp_path: Path) -> None:
    seen = Sightings(tmp_path / "seen.db", most=4)
    made_up = [seen.first(f"host{number}.example", listed=False) for number in range(5)]
    assert made_up == [True] * 3 + [None] * 2
    assert seen.first("openai") is True and seen.first("anthropic") is None


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    path = tmp_path / "seen.db"
    path.write_bytes(b"not a database, whatever it is called, and long enough for a header" * 40)
    with pytest.raises(sqlite3.Error):
        Sightings(path).first("openai")
