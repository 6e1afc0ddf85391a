"""The ingester may die between any two of its file operations: the store still has every record exactly once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store
from weir.audit.store import parquet

QUERY = "SELECT count(*), count(DISTINCT seq), (SELECT count(*) FROM findings) FROM events"


class Died(BaseException):
    """Stands for kill -9."""


class Fate:
    """Kills at the n-th file operation, before or after it took effect."""

    def __init__(self, after: int, effect: bool) -> None:
        self.left, self.effect = after, effect

    def around(self, operation: Callable[..., None]) -> Callable[..., None]:
        def fated(*args: Any, **options: Any) -> None:
            self.left -= 1
            if self.left == 0 and not self.effect:
                raise Died
            operation(*args, **options)
            if self.left == 0:
                raise Died

        return fated


def one(number: int) -> AuditRecord:
    found = (FindingRow(ord=0, detector="d"),) if number % 2 else ()
    return AuditRecord(event_id=new_event_id(), kind="meter", findings=found)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=5))
def test_every_record_exactly_once_wherever_it_dies(deaths: list[tuple[int, bool]]) -> None:
    with TemporaryDirectory() as name:
        data, total, findings = Path(name), 0, 0
        spool = Spool(data / "spool", "p", "b", segment_bytes_max=4096, linger_s=0)
        spool.start()

        def live(passes: int) -> None:
            nonlocal total, findings
            with Ingester(data / "spool", data / "audit", merge_at=2, settle_s=0, grace_s=0) as ingester:
                for _ in range(passes):
                    spool.put(one(total))
                    findings += total % 2
                    total += 1
                    assert spool.flush(10)
                    ingester.run_once()

        live(3)
        for after, effect in deaths:
            fate = Fate(after, effect)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(parquet, "publish", fate.around(parquet.publish))
                patch.setattr(Cursor, "save", fate.around(Cursor.save))
                with pytest.raises(Died):
                    live(20)
            with Ingester(data / "spool", data / "audit", merge_at=2, settle_s=0, grace_s=0) as ingester:
                ingester.run_once()
            assert store.sql(data, QUERY)[1] == [(total, total, findings)]
        live(4)
        assert store.sql(data, QUERY)[1] == [(total, total, findings)]
        spool.close(5)
