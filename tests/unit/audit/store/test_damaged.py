from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unit.audit.store.rows import ask, exchange, open_ingester, put
from weir.audit.record import AuditRecord
from weir.audit.store.damaged import set_aside, set_aside_older

Make = Callable[..., AuditRecord]


def test_what_is_no_parquet_is_moved_and_what_every_pattern_needs_is_made_again(tmp_path: Path, record: Make) -> None:
    put(tmp_path, *exchange(record))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        assert set_aside(ingester.files) == []
        (part,) = ingester.levels.parts.paths("events")
        seed = part.with_name("+seed.parquet")
        part.write_bytes(b"garbage")
        seed.write_bytes(b"")
        assert set_aside(ingester.files) == [seed, part]
        assert not part.exists() and seed.stat().st_size > 0
        assert (tmp_path / "audit" / "damaged" / "days" / "events" / part.name).read_bytes() == b"garbage"


def test_a_store_from_before_day_files_is_made_anew(tmp_path: Path, record: Make) -> None:
    put(tmp_path, *exchange(record))
    audit = tmp_path / "audit"
    for name in ("cold", "warm", "hot"):
        (audit / name / "events").mkdir(parents=True)
    (audit / "hot" / "events" / "00000.parquet").write_bytes(b"rows of then")
    (audit / "watermark.parquet").write_bytes(b"0, 0")
    (audit / "cursor.json").write_text('{"next_batch":9,"offsets":{},"seen":{"p1-b":7}}')
    with open_ingester(tmp_path) as ingester:
        assert ingester.run_once() == 2
    assert (audit / "before" / "hot" / "events" / "00000.parquet").read_bytes() == b"rows of then"
    assert not (audit / "cold").exists() and not set_aside_older(audit)
    assert ask(tmp_path, "SELECT count(*) FROM exchanges") == [(1,)]
