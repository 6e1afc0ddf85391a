"""What ``weir doctor`` says of checkpoints, their key and where they go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.sealedaudit import SealedAudit
from weir.audit.evidence.publish.cursors import Cursor, Cursors
from weir.audit.evidence.publish.duty import cursors_of
from weir.audit.evidence.state import State
from weir.cli.checkup.checkpoints import published, signed


@pytest.fixture
def audit(tmp_path: Path) -> SealedAudit:
    made = SealedAudit(tmp_path)
    made.boot("0001", 5)
    return made


def said(audit: SealedAudit) -> list[tuple[str, str]]:
    return [(result.status, result.name) for result in signed(audit.data.path)]


def test_what_is_signed(audit: SealedAudit) -> None:
    assert said(audit) == [("warn", "checkpoints")]
    audit.sign()
    assert said(audit) == [("ok", "checkpoint key"), ("ok", "checkpoints")]
    log = audit.data.audit / "checkpoints.jsonl"
    os.utime(log, (time.time() - 7_300,) * 2)
    assert [result.detail for result in signed(audit.data.path)][1] == "the last was signed 2 h ago"
    State(audit.data.audit / "witness.json").save(["f:4: edited: seq 4: the row's text does not fit its hash"])
    assert said(audit)[2:] == [("fail", "checkpoints")]
    (audit.data.keys / "checkpoint.key").chmod(0o640)
    assert said(audit)[0] == ("fail", "checkpoint key")
    log.unlink()
    assert said(audit)[1] == ("warn", "checkpoints"), "a crash came between the first key and its first checkpoint"
    os.utime(audit.data.keys / "checkpoint.pub", (time.time() - 3_600,) * 2)
    assert said(audit)[1] == ("fail", "checkpoints")


def test_where_it_is_published(audit: SealedAudit) -> None:
    assert list(published(audit.data.path)) == []
    audit.sign()
    (result,) = published(audit.data.path)
    assert result.status == "ok" and "up to number 1" in result.detail
    cursors = Cursors(cursors_of(audit.data.path))
    cursors.trouble("syslog tls://siem:6514", "it is down", 1)
    cursors.save("bucket b", Cursor(1, 1, 1, 1))
    results = {result.detail.partition(" has ")[0]: result for result in published(audit.data.path)}
    assert results["syslog tls://siem:6514"].status == "warn"
    assert "newer" in results["bucket b"].detail and results["bucket b"].status == "warn"
