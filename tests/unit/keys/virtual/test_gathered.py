"""Uses gather until they are written, and come back when that fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from weir.keys.virtual.gathered import Gathered
from weir.keys.virtual.record import Uses, VirtualKey

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


def test_uses_of_one_key_are_one_entry() -> None:
    gathered = Gathered()
    for _ in range(3):
        gathered.add(VirtualKey("a"), "10.0.0.1", NOW)
    gathered.add(VirtualKey("a", grace_until=LATER), "", LATER)
    assert gathered.take() == {"a": Uses(4, LATER, "10.0.0.1", LATER)}
    assert gathered.take() == {}


def test_what_could_not_be_written_comes_first() -> None:
    gathered = Gathered()
    gathered.add(VirtualKey("a"), "10.0.0.1", NOW)
    taken = gathered.take()
    gathered.add(VirtualKey("a"), "10.0.0.2", LATER)
    gathered.give_back(taken)
    assert gathered.take() == {"a": Uses(2, LATER, "10.0.0.2", None)}
