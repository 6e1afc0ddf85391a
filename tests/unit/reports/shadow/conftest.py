"""A store in memory with two weeks of AI use, live and out of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from harness.memorystore import MemoryStore
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.shadow.catalogue import Catalogue

NOW = datetime(2023, 11, 15, 12)
_NOW_US = 1_700_049_600_000_000
_DAY = 86_400_000_000


def seen(days_ago: float, **given: Any) -> AuditRecord:
    """An exchange so many days before ``NOW``; by default anna's with OpenAI, sanctioned and read."""
    ts = _NOW_US - int(days_ago * _DAY)
    values: dict[str, Any] = {
        "event_id": new_event_id(), "exchange_id": new_event_id(), "kind": "response", "ts": ts, "ts_end": ts + 1_000,
        "user": "anna", "team": "finance", "src_ip": "10.0.0.1", "host": "api.openai.com", "service": "openai",
        "service_status": "sanctioned", "inspection": "inspected", "action": "allow", "req_bytes": 100,
        "resp_bytes": 1_000,
    }  # fmt: skip
    return AuditRecord(**{**values, **given})


DEEPSEEK: dict[str, Any] = {
    "host": "chat.deepseek.com", "service": "deepseek", "service_status": "unsanctioned", "user": "ben", "team": "dev",
}  # fmt: skip


def logged(days_ago: float, requests: int, **given: Any) -> AuditRecord:
    """A row out of a Squid log."""
    extra = f'{{"source":"squid","requests":{requests},"import":"ab"}}'
    values = {"kind": "discovered", "inspection": "", "extra": extra, "host": "www.deepl.com", "service": "deepl"}
    return seen(days_ago, **{**values, "service_status": "unknown", "user": "carl", **given})


def leak() -> FindingRow:
    return FindingRow(ord=0, detector="secret/aws", category="secret", direction="request", action="alert")


def fortnight() -> list[AuditRecord]:
    """What the store holds: see the tests for what it comes to."""
    return [
        *(seen(day) for day in (13, 6, 1)),
        seen(12, **DEEPSEEK, findings=(leak(),)),
        seen(2, **DEEPSEEK, req_bytes=5_000),
        seen(2, **{**DEEPSEEK, "user": "", "src_ip": "10.0.0.9"}, kind="block", action="block"),
        logged(3, 40, req_bytes=2_000_000),
        logged(2, 2, req_bytes=None, user="", device="lt-9"),
        seen(1, host="llm.lab.example", service="llm.lab.example", service_status="unknown",
             extra='{"discovered":"true"}'),
        seen(1, kind="meter", host="claude.ai", service="claude-x", service_status="", inspection="pinned",
             inspection_reason="client does not trust the certificate"),
        seen(1, kind="meter", host="bank.example", service="", service_status="", inspection="pinned"),
        seen(1, kind="meter", host="shop.example", service="", service_status="", inspection="metered"),
        seen(1, kind="meter", host="odd.example", service="", service_status="", inspection="metered",
             extra='{"hint":"a long reply in many records"}'),
        seen(1, credential="raw", credential_kind="personal", api_key_fp="0123456789abcdef" * 2, provider="openai"),
        seen(1, host="chatgpt.com", service="chatgpt", account="personal"),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def filled() -> Iterator[MemoryStore]:
    made = MemoryStore()
    made.write(*fortnight())
    yield made
    made.connection.close()


@pytest.fixture
def memory() -> Iterator[Callable[..., MemoryStore]]:
    """An empty store to write records into."""
    made = MemoryStore()
    yield made.write
    made.connection.close()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()
