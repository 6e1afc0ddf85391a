"""Entries to publish."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.evidence.boots import Boot
from weir.audit.evidence.logfile import Place
from weir.audit.evidence.publish.place import Entry, entries


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of six entries."""
    path = tmp_path / "checkpoints.jsonl"
    path.write_bytes(b"".join(Boot(every=2, count=8).log))
    return path


@pytest.fixture
def some(log: Path) -> list[Entry]:
    """All of them."""
    found = entries(log, Place(), 100)
    assert len(found) == 6
    return found
