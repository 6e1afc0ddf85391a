from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weir.audit.record import AuditRecord, FindingRow

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]
DAY = 86_400_000_000
NOON = 1_700_006_400_000_000  # 2023-11-15 00:00 UTC


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
        record(kind="discovered", action="block", rule_id=""),
        record(),
    )
    assert query("SELECT rule_id, blocked, would_block, users, unidentified FROM blocked_by_rule") == [
        ("r1", 1, 2, 2, 1)
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
    query = written(
        record(), record(inspection="partial", reason="too big"), record(inspection=""),
        record(kind="discovered", inspection=""),
    )  # fmt: skip
    assert query("SELECT inspection, reason FROM uninspected ORDER BY 1") == [("partial", "too big"), (None, None)]


def test_top_findings(written: Callable[..., Query], record: Make) -> None:
    def found(detector: str, value: str, action: str, direction: str = "request") -> FindingRow:
        return FindingRow(
            ord=0, detector=detector, category=detector.split("/")[0], direction=direction, action=action,
            match_hmac=value,
        )  # fmt: skip

    query = written(
        record(findings=(found("pii/email", "a", "redact"),)),
        record(findings=(found("pii/email", "a", "allow"),)),
        record(findings=(found("pii/email", "b", "allow", "response"),)),
        record(findings=(found("secret/aws", "c", "block"),)),
    )
    columns = "detector, findings, exchanges, different_values, in_requests, in_replies, held"
    assert query(f"SELECT {columns} FROM top_findings") == [
        ("pii/email", 3, 3, 2, 2, 1, 1), ("secret/aws", 1, 1, 1, 1, 0, 1),
    ]  # fmt: skip
