from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, FindingRow, new_event_id
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store
from weir.audit.store.views import VIEWS, exchanges_sql

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
DAY = 86_400_000_000
NOON = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC


@pytest.fixture
def written(tmp_path: Path, spool: Spool) -> Iterator[Callable[..., Query]]:
    """Write records, ingest them, and give a function that queries the store."""

    def write(*records: AuditRecord) -> Query:
        for one in records:
            spool.put(one)
        assert spool.flush(10)
        with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
            assert ingester.run_once() == len(records)
        return lambda text: store.sql(tmp_path, text)[1]

    yield write


def test_an_exchange_joins_its_records(written: Callable[..., Query], record: Make) -> None:
    one = new_event_id()
    ask = record(
        exchange_id=one, kind="request", ts=NOON, req_bytes=100, input_tokens=None, reason="asked", app="cli",
    )  # fmt: skip
    reply = record(
        exchange_id=one, kind="response", ts=NOON, ts_end=NOON + 5_000_000, http_status=200, output_tokens=7,
        reason="answered", app="",
    )  # fmt: skip
    query = written(ask, reply)
    names = "kind, started::VARCHAR, ended::VARCHAR, req_bytes, http_status, output_tokens, reason, app"
    assert query(f"SELECT {names} FROM exchanges") == [
        ("response", "2023-11-15 00:00:00", "2023-11-15 00:00:05", 100, 200, 7, "answered", "cli")
    ]
    ids = query("SELECT request_event_id::VARCHAR, response_event_id::VARCHAR FROM exchanges")
    assert ids == [(ask.event_id, reply.event_id)]


def test_an_exchange_under_way_is_visible(written: Callable[..., Query], record: Make) -> None:
    query = written(record(kind="request", http_status=None))
    assert query("SELECT kind, ended, http_status, response_event_id FROM exchanges") == [("request", None, None, None)]


@pytest.mark.parametrize("kind", ["block", "meter", "error", "response"])
def test_a_record_without_a_request_is_an_exchange_too(written: Callable[..., Query], record: Make, kind: str) -> None:
    query = written(record(kind=kind, ts_end=NOON + DAY))
    assert query("SELECT kind, ended IS NOT NULL FROM exchanges") == [(kind, True)]


def test_a_discovery_adds_to_its_exchange_and_gaps_are_none(written: Callable[..., Query], record: Make) -> None:
    one = new_event_id()
    query = written(
        record(kind="request", exchange_id=one),
        record(kind="response", exchange_id=one, http_status=200),
        record(kind="discovered", exchange_id=one),
        *(record(kind=kind) for kind in ("gap", "config", "erasure")),
    )
    assert query("SELECT kind, http_status FROM exchanges") == [("response", 200)]
    assert query("SELECT count(*) FROM events") == [(6,)]


def test_secret_leaks_say_whether_the_value_was_held(written: Callable[..., Query], record: Make) -> None:
    def leak(detector: str, treated: str, action: str) -> AuditRecord:
        finding = FindingRow(ord=0, detector=detector, category="secret", action=treated, match_hmac="ab")
        return record(action=action, findings=(finding, FindingRow(ord=1, detector="pii/x", category="pii")))

    query = written(
        leak("secret/a", "alert", "allow"), leak("secret/b", "redact", "redact"), leak("secret/c", "allow", "block")
    )
    assert query("SELECT detector, held, user, match_hmac FROM secret_leaks ORDER BY 1") == [
        ("secret/a", False, "anna", "ab"), ("secret/b", True, "anna", "ab"), ("secret/c", True, "anna", "ab"),
    ]  # fmt: skip


def test_blocked_by_rule_tells_enforced_from_observed(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(kind="block", verdict="block", action="block", rule_id="r1"),
        record(verdict="block", action="allow", mode="observe", rule_id="r1", user="ben"),
        record(verdict="block", action="", rule_id="r1", user="", src_ip="10.0.0.1"),
        record(),
    )
    assert query("SELECT rule_id, blocked, would_block, users, unidentified FROM blocked_by_rule") == [
        ("r1", 1, 2, 2, 1)
    ]


def test_shadow_ai_hosts(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(),
        record(host="chat.deepseek.com", service="deepseek", service_status="unsanctioned", req_bytes=10),
        record(host="chat.deepseek.com", service="deepseek", service_status="unsanctioned", req_bytes=5, user="ben"),
        record(
            host="ai.example",
            service="",
            service_status="unknown",
            user="",
            src_ip="10.0.0.1",
            extra='{"discovered":"true"}',
        ),
        record(kind="meter", host="claude.ai", service="claude", service_status="", inspection="metered"),
        record(kind="meter", host="shop.example", service="", service_status="", inspection="metered"),
    )
    rows = query(
        "SELECT host, status, discovered, exchanges, users, unidentified, bytes_up FROM shadow_ai_hosts ORDER BY host"
    )
    assert rows == [
        ("ai.example", "unknown", True, 1, 0, 1, None),
        ("chat.deepseek.com", "unsanctioned", False, 2, 2, 0, 15),
        ("claude.ai", "unknown", False, 1, 1, 0, None),
    ]


def test_costs(written: Callable[..., Query], record: Make) -> None:
    spent: dict[str, Any] = {"usage_source": "reported", "input_tokens": 10, "output_tokens": 2}
    query = written(
        record(ts=NOON, cost_nano=1_500_000_000, **spent),
        record(ts=NOON + DAY, cost_nano=1, **spent),
        record(ts=NOON, **{**spent, "usage_source": "estimated"}),
        record(ts=NOON, usage_source="none", cost_nano=None),
        record(ts=NOON, team="lab", request_model="own", **spent),
    )
    by_day = query(
        "SELECT day::VARCHAR, team, exchanges, input_tokens, cost_usd, unpriced FROM cost_by_team_day ORDER BY 1, 2"
    )
    assert by_day == [
        ("2023-11-15", "finance", 2, 20, 1.5, 1),
        ("2023-11-15", "lab", 1, 10, None, 1),
        ("2023-11-16", "finance", 1, 10, 0.0, 0),
    ]
    assert query("SELECT service, model, exchanges, cost_usd, unpriced, estimated FROM cost_by_model ORDER BY 2") == [
        ("openai", "gpt-5", 3, 1.5, 1, 1),
        ("openai", "own", 1, None, 1, 0),
    ]


def test_personal_accounts(written: Callable[..., Query], record: Make) -> None:
    extra = '{"tenant":"chatgpt","tenant_account":"0123456789abcdef"}'
    query = written(
        record(account="personal", extra=extra, http_status=403),
        record(account="personal", extra=extra, http_status=200),
        record(account="company", extra=extra),
        record(),
    )
    rows = query("SELECT vendor, exchanges, refused, accounts FROM personal_accounts")
    assert rows == [("chatgpt", 2, 1, 1)]


def test_uninspected(written: Callable[..., Query], record: Make) -> None:
    query = written(record(), record(inspection="partial", reason="too big"), record(inspection=""))
    assert query("SELECT inspection, reason FROM uninspected ORDER BY 1") == [("partial", "too big"), (None, None)]


def test_every_view_says_what_it_is_for(tmp_path: Path) -> None:
    rows = dict(store.sql(tmp_path, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal")[1])
    assert {view.name for view in VIEWS} | {"events", "findings", "tool_calls"} <= set(rows)
    assert all(rows.values())
    assert "exchange_id" in exchanges_sql()


def test_turns_of_an_open_socket_add_up_until_its_last_record(written: Callable[..., Query], record: Make) -> None:
    one = new_event_id()
    ask = record(exchange_id=one, kind="request", input_tokens=None, output_tokens=None, cost_nano=None)
    turns = [
        record(exchange_id=one, kind="turn", input_tokens=tokens, output_tokens=1, cost_nano=tokens * 10)
        for tokens in (30, 40)
    ]
    query = written(ask, *turns)
    text = "SELECT kind, ended, input_tokens, output_tokens, cost_nano FROM exchanges"
    assert query(text) == [("request", None, 70, 2, 700)]
    query = written(record(exchange_id=one, kind="response", input_tokens=75, output_tokens=3, cost_nano=750))
    assert [row[2:] for row in query(text)] == [(75, 3, 750)]
