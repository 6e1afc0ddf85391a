"""A store with a few exchanges of known sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harness.stores import one_place
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store

MIDNIGHT = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC
HOUR = 3_600_000_000


def exchange(hour: int, **given: Any) -> AuditRecord:
    """A reply ``hour`` hours after midnight."""
    values: dict[str, Any] = {
        "event_id": new_event_id(), "exchange_id": new_event_id(), "kind": "response", "ts": MIDNIGHT + hour * HOUR,
        "user": "anna", "team": "finance", "app": "cli", "host": "api.openai.com", "service": "openai",
        "service_status": "sanctioned", "inspection": "inspected", "mode": "enforce", "action": "allow",
        "usage_source": "none",
    }  # fmt: skip
    return AuditRecord(**{**values, **given})


def spent(hour: int, nano: int | None, **given: Any) -> AuditRecord:
    """A reply with 100 tokens in, 10 of them from the cache, and 20 out."""
    tokens = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 10, "usage_source": "reported"}
    return exchange(hour, **{**tokens, "cost_nano": nano, "response_model": "gpt-5", **given})


def leak(treated: str, hmac: str) -> FindingRow:
    return FindingRow(ord=0, detector="secret/key", category="secret", action=treated, match_hmac=hmac)


RECORDS = (
    spent(1, 1_250_000_000),
    spent(2, 750_000_001, team="research", app="ide"),
    spent(
        3, None, response_model="own-model", usage_source="estimated", user="ben", extra='{"media_uncounted":"image"}',
    ),
    exchange(4, host="chat.deepseek.com", service="deepseek", service_status="unsanctioned", req_bytes=10),
    exchange(
        5, kind="block", host="api.deepseek.com", service="deepseek", service_status="unsanctioned", req_bytes=7,
        user="ben", action="block", rule_id="no-deepseek",
    ),
    exchange(
        6, user="", src_ip="10.1.2.3", host="ai.example", service="ai.example", service_status="unknown",
        extra='{"discovered":"true"}',
    ),
    exchange(7, kind="meter", host="claude.ai", service="claude", service_status="", inspection="metered"),
    exchange(8, kind="meter", host="shop.example", service="", service_status="", inspection="metered"),
    exchange(9, findings=(leak("block", "aa"),), action="block", rule_id="no-credentials-leave"),
    exchange(
        10, findings=(leak("block", "aa"),), action="block", rule_id="no-credentials-leave", user="ben",
        service="anthropic",
    ),
    exchange(
        11, findings=(FindingRow(ord=0, detector="pii/EMAIL", category="pii", action="pseudonymise"),), user="",
        src_ip="10.1.2.3",
    ),
)  # fmt: skip


@contextmanager
def stored(data: Path, records: Sequence[AuditRecord]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a store of these records, made in ``data``."""
    spool = Spool(data / "spool", "p1", new_event_id(), segment_bytes_max=1 << 20)
    spool.start()
    for record in records:
        spool.put(record)
    assert spool.close(60)
    with Ingester(data / "spool", data / "audit") as ingester:
        assert ingester.run_once() == len(records)
    with store.connect(data) as made:
        yield made


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One place, as stores are made in most tests: to make one where none was takes a fifth of a second."""
    yield from one_place(tmp_path_factory, "reports")


@pytest.fixture(scope="session")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with stored(tmp_path_factory.mktemp("reports"), RECORDS) as made:
        yield made
