from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.exports.places import boot, ingest, texts
from weir.audit.exports import stored
from weir.audit.exports.jsonl import document
from weir.audit.exports.reading import Reader
from weir.audit.exports.stored import Ends, Stored
from weir.audit.record import FindingRow, ToolCallRow


def test_no_store_no_rows(tmp_path: Path) -> None:
    found = Stored(tmp_path)
    assert found.chains() == {} and list(found.rows("p1-b1", 1, 9)) == [] and list(tmp_path.iterdir()) == []


def test_rows_are_what_the_spool_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_ROWS", 3)
    finding = FindingRow(ord=0, detector="secret/x", category="secret", severity="high", score_pct=90)
    children = {"findings": (finding,), "tool_calls": (ToolCallRow(ord=0, name="get"),)}
    made = boot(tmp_path, "b1", 8, user_groups=("a", "b"), extra='{"x":1}', **children)
    ingest(tmp_path)
    asked = Stored(tmp_path)
    assert asked.chains() == {"p1-b1": Ends(1, 8)}
    rows = [row for _, row in asked.rows("p1-b1", 1, 8)]
    spooled = [item.row for item in Reader(tmp_path, {}).batch(99)]
    assert texts(rows) == made
    assert [document(row) for row in rows] == [document(row) for row in spooled if row]
    assert [seq for seq, _ in asked.rows("p1-b1", 4, 5)] == [4, 5]
    asked.learn("p1-b9", {"proxy_id": "p1", "boot_id": "b9"})
    assert list(asked.rows("p1-b9", 1, 9)) == []
