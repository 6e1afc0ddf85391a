"""What is wrong with the audit is in the folder, in full; what was not checked is said."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.evidencesite import Site
from weir.audit.evidence.verify import Totals
from weir.reports.evidence import verification
from weir.reports.evidence.verification import Verification, examine


def test_a_whole_audit(site: Site) -> None:
    made = examine(site.data.path)
    assert (made.count, made.found, made.not_done) == (0, [], [])
    assert made.totals.rows == made.totals.proved > 0 and made.totals.checkpoints
    document = made.document()
    assert document["ok"] is True and document["looked_at"]["rows"] == made.totals.rows
    assert made.section().says[-1].startswith("Nothing wrong was found")


def test_an_edited_row_is_told(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(shutil.copytree(site.data.path, tmp_path / "data"))
    (segment,) = (data / "spool").glob("*.jsonl*")
    segment.write_bytes(segment.read_bytes().replace(b"no space left on device", b"no time left on devices"))
    made = examine(data)
    assert made.count >= 1 and made.document()["ok"] is False
    said = made.section()
    assert any(text.startswith("FOUND: ") for text in said.says)
    assert len(said.tables[1].table.rows) == made.count
    monkeypatch.setattr(verification, "LISTED", 0)
    less = examine(data)
    assert (less.count, less.found) == (made.count, [])


def test_what_was_not_checked_is_loud() -> None:
    made = Verification(datetime(2026, 1, 1, tzinfo=UTC), Totals(rows=3), not_done=["rows against signatures"])
    assert "NOT CHECKED: rows against signatures." in made.section().says
