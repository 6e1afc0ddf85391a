from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from unit.audit.exports.rows import CONTENT, full, hostile
from weir.audit.exports.reading import Item
from weir.audit.exports.refused import ENDING, RefusedRows


def test_rows_with_place_and_reason(tmp_path: Path) -> None:
    path = tmp_path / f"siem{ENDING}"
    kept = RefusedRows(path)
    kept.keep([])
    assert not path.exists()
    kept.keep([(Item("p1-b1", 7, full()), "too long"), (Item("p1-b1", 8, hostile()), "odd")])
    kept.keep([(Item("p1-b1", 9, None, "gone"), "gone")])
    first, second, third = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert (first["seq"], first["why"], first["row"]["user"]) == (7, "too long", "anna")
    assert first["event_id"] == first["row"]["event_id"] and CONTENT not in str(second)
    assert "row" not in third and third["at"].endswith("Z")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_place_to_keep_them(tmp_path: Path) -> None:
    RefusedRows(None).keep([(Item("c", 1, None), "x")])
    with pytest.raises(OSError):
        RefusedRows(tmp_path / "no" / "x").keep([(Item("c", 1, None), "x")])
