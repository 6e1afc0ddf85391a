"""Rows to export: one with everything known, one as hostile as can be, and what must show nowhere."""

from __future__ import annotations

from typing import Any

from weir.audit.record import TABLES, AuditRecord, FindingRow, ToolCallRow
from weir.audit.spool.lines import encode, read_line, rows_of

VERSION = "0.1.0"
TS = 1_780_000_000_123_456  # 2026-05-28T20:26:40.123456Z
CONTENT = "the-prompt-itself"  # in no column, so in no export
HOSTILE = 'a|b\\c=d "e"\n<13>1 f]\r\tg\x00\x1b\x7f\u2028é\U0001f4a9 src=6.6.6.6'


VALUES: dict[str, Any] = {
    "event_id": "019e7048-357b-7000-8000-000000000001",
    "exchange_id": "019e7048-3500-7000-8000-000000000002",
    "kind": "response",
    "ts": TS,
    "ts_end": TS + 2_500_000,
    "user": "anna",
    "team": "finance",
    "user_groups": ("staff", "cfo"),
    "app": "books",
    "device": "laptop-7",
    "src_ip": "10.20.0.7",
    "user_agent": "OpenAI/Python",
    "key_id": "vk_1",
    "host": "api.openai.com",
    "port": 443,
    "method": "POST",
    "path_template": "/v1/chat/completions",
    "provider": "openai",
    "service": "openai",
    "service_status": "sanctioned",
    "operation": "chat",
    "request_model": "gpt-5",
    "response_model": "gpt-5-2026-01-01",
    "response_id": "chatcmpl-1",
    "finish_reason": "stop",
    "http_status": 200,
    "stream": True,
    "inspection": "inspected",
    "protocol": "HTTP/1.1",
    "input_tokens": 900,
    "output_tokens": 100,
    "cache_read_tokens": 800,
    "reasoning_tokens": 20,
    "usage_source": "reported",
    "cost_nano": 1_234_000,
    "price_id": "openai/gpt-5@1",
    "duration_us": 2_500_000,
    "ttft_us": 300_000,
    "overhead_us": 900,
    "req_bytes": 2_000,
    "resp_bytes": 9_000,
    "mode": "enforce",
    "verdict": "redact",
    "action": "redact",
    "rule_id": "no-credentials-leave",
    "policy_hash": "ab12",
    "reason": "a credential was struck out",
    "coach_reason": "stated by a person",
    "findings": (
        FindingRow(
            ord=0,
            detector="secret/aws-key",
            category="secret",
            direction="request",
            action="redact",
            rule_id="no-credentials-leave",
            match_hmac="f00d",
            severity="critical",
            score_pct=99,
            segment=1,
            span_start=10,
            span_end=30,
        ),
        FindingRow(
            ord=1,
            detector="injection/hidden",
            category="injection",
            direction="response",
            action="alert",
            severity="high",
            score_pct=80,
        ),
    ),
    "tool_calls": (ToolCallRow(ord=0, name="get_weather", call_id="call_1"),),
}


def full(**given: Any) -> dict[str, Any]:
    """A reply's row as the spool has it, with a secret and an injection found in it."""
    return unpacked(AuditRecord(**{**VALUES, **given}))


def unpacked(record: AuditRecord) -> dict[str, Any]:
    """A record's columns by name, children inside, after its way through a line of the spool."""
    tables = rows_of(read_line(encode(record, "p1", "boot-1", 7)))
    return {**tables["events"][0], **{name: tables[name] for name in ("findings", "tool_calls")}}


def hostile() -> dict[str, Any]:
    """A row in which every text is hostile, as no spool would have it, with things that are no columns."""
    row: dict[str, Any] = {
        column.name: HOSTILE if column.json == "VARCHAR" else [HOSTILE] if column.json == "VARCHAR[]" else 7
        for column in TABLES["events"]
    }
    row |= {"kind": "response", "stream": True, "prompt": CONTENT, "content": {"text": CONTENT}}
    for name in ("findings", "tool_calls"):
        child = {column.name: HOSTILE if column.json == "VARCHAR" else 7 for column in TABLES[name]}
        row[name] = [{**child, "matched": CONTENT, "arguments": CONTENT}]
    return row


def odd() -> list[dict[str, Any]]:
    """Rows that lack what one would think they have."""
    wrong = {"ts": "yesterday", "user": 7, "findings": "none", "tool_calls": [1, None], "port": "443", "seq": True}
    return [
        {},
        {"kind": "gap", "dropped": 3},
        {**full(), **wrong},
        {"kind": "meter", "host": "", "src_ip": "no address"},
        {"kind": "block", "ts": -5, "http_status": 403, "action": "block"},
        {"ts": 10**18, "user": "\ud800"},
    ]


def every() -> list[dict[str, Any]]:
    """All kinds of rows."""
    from weir.audit.record import KINDS

    return [full(), hostile(), *odd(), *(full(kind=kind) for kind in KINDS), full(action="block"), full(action="alert")]
