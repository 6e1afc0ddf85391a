"""How far the ingester is behind, from its cursor and the spool as they lie on the disk."""

from __future__ import annotations

from pathlib import Path

from weir.audit.ingester.cursor import Cursor
from weir.audit.record import AuditRecord
from weir.audit.spool.writer import Spool
from weir.edge.health.behind import UP_TO_DATE, behind


def test_bytes_and_seconds_of_what_the_store_lacks(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    assert behind(tmp_path) == UP_TO_DATE, "there is no spool yet"
    spool = Spool(tmp_path / "spool", "weir-test", "boot")
    spool.start()
    spool.put(AuditRecord(kind="request", ts=1_000_000_000))
    spool.put(AuditRecord(kind="response", ts=1_000_000_000, ts_end=1_004_000_000))
    assert spool.flush(60)
    spool.close(5.0)
    (path,) = (tmp_path / "spool").glob("*.jsonl")
    first, second = path.read_bytes().splitlines(keepends=True)
    found = behind(tmp_path, now=lambda: 1_010.0)
    assert (found.bytes, round(found.seconds, 3)) == (len(first) + len(second), 10.0)
    Cursor(2, {path.name: len(first)}).save(tmp_path / "audit" / "cursor.json")
    found = behind(tmp_path, now=lambda: 1_010.0)
    assert (found.bytes, round(found.seconds, 3)) == (len(second), 6.0)
    Cursor(3, {path.name: len(first) + len(second)}).save(tmp_path / "audit" / "cursor.json")
    assert behind(tmp_path) == UP_TO_DATE
    with path.open("ab") as file:
        file.write(b"no record\n")
    assert (behind(tmp_path).bytes, behind(tmp_path).seconds) == (10, 0.0), "its age can't be told"
