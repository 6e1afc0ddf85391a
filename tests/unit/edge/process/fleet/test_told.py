"""The parent's records."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.spool.chain import replay, verify_chain
from weir.datadir import DataDir
from weir.edge.process.fleet import told as module
from weir.edge.process.fleet.told import Told


async def test_a_record_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    assert await Told(data).tell("worker 1 was killed", "abc")
    (row,) = list(replay(data.spool))
    assert (row["kind"], row["reason"], row["policy_hash"]) == ("config", "worker 1 was killed", "abc")
    assert verify_chain(data.spool) == []


async def test_a_disk_that_refuses_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(module, "write_records", refuse)
    assert not await Told(DataDir(tmp_path / "data")).tell("x")
    assert "the audit could not be told (OSError)" in caplog.text
