from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unit.audit.store.rows import exchange, open_ingester, put
from weir.audit.record import AuditRecord
from weir.audit.store.damaged import set_aside

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
