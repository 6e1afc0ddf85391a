"""A small store for tests: spool, ingester, and questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.audit.spool.records import write_records
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store

DAY_US = 86_400_000_000
NOON = 1_700_049_600_000_000  # 2023-11-15 12:00 UTC

Make = Callable[..., AuditRecord]


def open_ingester(data: Path, **options: Any) -> Ingester:
    """One that puts every pass into day files at once."""
    return Ingester(data / "spool", data / "audit", **{"fold_rows": 1, "settle_s": 0, "grace_s": 0, **options})


def put(data: Path, *records: AuditRecord) -> None:
    """Records as a boot of their own."""
    write_records(data / "spool", "p1", records)


def feed(spool: Spool, *records: AuditRecord) -> None:
    """More records of one boot."""
    for one in records:
        spool.put(one)
    assert spool.flush(60)


def ask(data: Path, text: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return store.sql(data, text)[1]


def exchange(make: Make, day: int = 0, **given: Any) -> tuple[AuditRecord, AuditRecord]:
    """A request with a finding, and its reply, ``day`` days after NOON."""
    one = {"exchange_id": new_event_id(), "ts": NOON + day * DAY_US, **given}
    finding = FindingRow(ord=0, detector="pii/email")
    return make(kind="request", findings=(finding,), **one), make(kind="response", http_status=200, **one)
