from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
SECOND = 1_000_000
NOON = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC


def test_gaps(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(),
        AuditRecord(event_id=new_event_id(), kind="gap", ts=NOON, ts_end=NOON + 90 * SECOND, dropped=7, reason="full"),
        AuditRecord(event_id=new_event_id(), kind="gap", ts=NOON + SECOND, dropped=1, reason="no form"),
    )
    assert query("SELECT since::VARCHAR, until::VARCHAR, lasted::VARCHAR, dropped, reason FROM gaps") == [
        ("2023-11-15 00:00:01", "2023-11-15 00:00:01", "00:00:00", 1, "no form"),
        ("2023-11-15 00:00:00", "2023-11-15 00:01:30", "00:01:30", 7, "full"),
    ]


def test_policy_versions(written: Callable[..., Query], record: Make) -> None:
    query = written(
        record(policy_hash="aa", ts=NOON),
        record(policy_hash="aa", ts=NOON + SECOND, verdict="block", action="allow", mode="observe"),
        record(policy_hash="bb", ts=NOON + 2 * SECOND),
        record(),
    )
    assert query("SELECT policy_hash, exchanges, stopped, first_seen::VARCHAR FROM policy_versions") == [
        ("bb", 1, 0, "2023-11-15 00:00:02"), ("aa", 2, 1, "2023-11-15 00:00:00"),
    ]  # fmt: skip


def test_a_session_in_its_order(written: Callable[..., Query], record: Make) -> None:
    first, second, third = new_event_id(), new_event_id(), new_event_id()
    of: dict[str, Any] = {"conversation_id": "c1", "ts": NOON}
    query = written(
        record(**of, exchange_id=first, kind="request", findings=(FindingRow(ord=0, detector="pii/email"),)),
        record(
            **of, exchange_id=first, ts_end=NOON + 5 * SECOND, http_status=200,
            tool_calls=(ToolCallRow(ord=0, name="Bash"), ToolCallRow(ord=1, name="Read")),
        ),
        record(exchange_id=second, kind="block", ts=NOON + SECOND, conversation_id="c1", action="block", rule_id="r"),
        record(exchange_id=new_event_id(), ts=NOON + SECOND, conversation_id="c2"),
        record(exchange_id=third, ts=NOON, session_id=third, conversation_id=third),
    )  # fmt: skip
    assert query("SELECT what, detail, action, rule_id FROM session_timeline('c1')") == [
        ("request", "api.openai.com inspected", "allow", None),
        ("finding", "pii/email in the", None, None),
        ("block", "api.openai.com inspected", "block", "r"),
        ("response", "api.openai.com 200 inspected", "allow", None),
        ("tool call", "Bash", None, None),
        ("tool call", "Read", None, None),
    ]
    assert query(f"SELECT what FROM session_timeline('{second}')") == [("block",)]
    assert query(f"SELECT what FROM session_timeline('{third}')") == [("response",)]  # by all three, and once
    assert query("FROM session_timeline('nothing')") == []


def test_who_read_a_session_is_told_with_it(written: Callable[..., Query], record: Make) -> None:
    read = {"host": None, "inspection": None, "exchange_id": (one := new_event_id())}
    query = written(
        record(**read, kind="disclosure", extra='{"by":"ops","outcome":"opened"}'), record(**read, kind="gap")
    )
    told = query(f"SELECT what, detail FROM session_timeline('{one}') ORDER BY what")
    assert told == [("disclosure", "ops"), ("gap", None)]


def test_what_a_policy_changed(written: Callable[..., Query], record: Make) -> None:
    held = {"verdict": "block", "action": "block", "rule_id": "r1"}
    query = written(
        *(record(ts=NOON + n, policy_hash="older", **held) for n in range(3)),
        *(record(ts=NOON + 10 + n, policy_hash="old1") for n in range(3)),
        record(ts=NOON + 20, policy_hash="old1", **held),
        *(record(ts=NOON + 30 + n, policy_hash="new1", **held) for n in range(1)),
        *(record(ts=NOON + 40 + n, policy_hash="new1", user="ben", **held) for n in range(1)),
    )
    assert query("SELECT rule, verdict, before, after, users_after, before_per_1000, after_per_1000, change_per_1000 "
                 "FROM policy_change_effect('new')") == [
        ("no rule", "allow", 3, 0, 0, 750.0, 0.0, -750.0),
        ("r1", "block", 1, 2, 2, 250.0, 1000.0, 750.0),
    ]  # fmt: skip
    assert query("SELECT rule, before, after, before_per_1000 FROM policy_change_effect('older')") == [
        ("r1", 0, 3, None)
    ]
    assert query("FROM policy_change_effect('none such')") == []
    assert len(query("FROM policy_change_effect((SELECT policy_hash FROM policy_versions LIMIT 1))")) == 2
