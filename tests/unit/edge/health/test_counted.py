"""Whatever is given to the audit is counted, taken or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord
from weir.audit.spool.writer import SpoolUnavailable, replay
from weir.edge.health.counted import CountedSpool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[CountedSpool]:
    made = CountedSpool(tmp_path / "spool", "weir-test", "boot", queue_max=10)
    made.start()
    yield made
    made.close(5.0)


def test_both_ways_in_are_counted_and_written(spool: CountedSpool, tmp_path: Path) -> None:
    spool.put(AuditRecord(kind="response", http_status=200))
    asyncio.run(spool.durable(AuditRecord(kind="block", http_status=403)))
    assert spool.flush(60)
    assert {key[0]: n for key, n in spool.counts.ended.items()} == {"response": 1, "block": 1}
    assert sorted(row["kind"] for row in replay(tmp_path / "spool")) == ["block", "response"]
    assert (spool.counts.untaken, spool.queue_max) == (0, 10)


def test_what_is_not_taken_is_counted_as_such(spool: CountedSpool) -> None:
    spool.close(5.0)
    with pytest.raises(SpoolUnavailable):
        spool.put(AuditRecord(kind="response"), strict=True)
    with pytest.raises(SpoolUnavailable):
        asyncio.run(spool.durable(AuditRecord(kind="request")))
    assert spool.counts.untaken == 2
    assert spool.counts.kinds["request"] == 1
