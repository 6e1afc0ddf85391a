from __future__ import annotations

from pathlib import Path

from weir.audit.evidence.logfile import Place
from weir.audit.evidence.publish.place import Entry, entries


def test_entries_in_the_order_of_the_log(log: Path, some: list[Entry]) -> None:
    position = Place()
    first = entries(log, position, 4)
    assert [entry.number for entry in first] == [1, 2, 3, 4]
    assert entries(log, position, 100) == some[4:] and position.bytes == log.stat().st_size
    assert entries(log, position, 100) == []
    assert some[0].name == "p/2026-05-28/000000000001.checkpoint" and b"reason start" in some[0].note
    assert sorted(entry.name for entry in some) == [entry.name for entry in some]


def test_what_is_no_entry_is_passed_over(log: Path, some: list[Entry]) -> None:
    log.write_bytes(b"{}\n" + log.read_bytes() + b'{"note":')
    assert entries(log, Place(), 100) == some
