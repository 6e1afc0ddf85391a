from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord
from weir.audit.spool import records
from weir.audit.spool.chain import replay, verify_chain
from weir.audit.spool.records import new_boot_id, tell_retention, write_records

Make = Callable[..., AuditRecord]


def test_each_call_is_a_chain_of_its_own(tmp_path: Path, record: Make) -> None:
    write_records(tmp_path, "p", [record(kind="retention"), record(kind="erasure")])
    write_records(tmp_path, "p", [record(kind="config")])
    rows = list(replay(tmp_path))
    assert [row["kind"] for row in rows] == ["retention", "erasure", "config"]
    assert len({row["boot_id"] for row in rows}) == 2 and verify_chain(tmp_path) == []
    assert sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir()) < 32 << 10, "no reserve is left"


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_000_000_000_000
    made = []
    for step in range(5):
        monkeypatch.setattr(records.time, "time_ns", lambda step=step: now + step * 1_000_000_000)
        made.append(new_boot_id())
    assert made == sorted(made) and all(len(name) == 16 and int(name, 16) for name in made)


def test_a_disk_that_refuses_is_an_error(tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    monkeypatch.setattr(records, "_TIMEOUT_S", 0.1)
    with pytest.raises(OSError, match="could not be written to the audit"):
        write_records(tmp_path, "p", [record()])


def test_what_retention_takes_is_told_in_one_form(tmp_path: Path) -> None:
    tell_retention(tmp_path, [("one was over", {"of": "spool", "n": 1}), ("so was another", {"of": "store"})])
    rows = list(replay(tmp_path / "spool"))
    assert [(row["kind"], row["reason"], json.loads(row["extra"])) for row in rows] == [
        ("retention", "one was over", {"of": "spool", "n": 1}),
        ("retention", "so was another", {"of": "store"}),
    ]
    assert all(row["exchange_id"] == row["event_id"] and row["ts"] == row["ts_end"] for row in rows)
    assert len({row["event_id"] for row in rows}) == 2 and verify_chain(tmp_path / "spool") == []
