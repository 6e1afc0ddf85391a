"""Audit records as a busy proxy writes them: an exchange's request and reply, with findings and tool calls."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id, now_us

__all__ = ["exchanges"]

_SERVICES = (
    ("openai", "api.openai.com", "/v1/chat/completions", ("gpt-5", "gpt-5-mini", "gpt-5-nano")),
    ("anthropic", "api.anthropic.com", "/v1/messages", ("claude-sonnet-4-5", "claude-haiku-4-5")),
    ("google-gemini", "generativelanguage.googleapis.com", "/v1beta/models/{model}", ("gemini-2.5-pro",)),
)
_DETECTORS = (("email-address", "personal"), ("iban", "personal"), ("aws-access-key", "secret"))
_TEAMS = ("finance", "platform", "support", "research")
_TOOLS = ("read_file", "bash", "web_search")


def _finding(chance: random.Random, order: int) -> FindingRow:
    detector, category = chance.choice(_DETECTORS)
    return FindingRow(
        ord=order,
        detector=detector,
        category=category,
        direction="request",
        action="redact",
        rule_id="no-personal-data",
        match_hmac=hashlib.sha256(chance.randbytes(4)).hexdigest()[:32],
        severity="high",
        score_pct=90,
        segment=0,
        span_start=chance.randrange(900),
        span_end=1000,
    )


def exchanges(seed: int, label: str = "row") -> Iterator[tuple[AuditRecord, AuditRecord]]:
    """Request and reply of one exchange after the other, for ever; the request's ``flow_id`` is ``<label>-<number>``.

    Of four requests two have a finding and one has three; every fifth reply asks for a tool.
    """
    chance, number = random.Random(seed), 0
    while True:
        number += 1
        service, host, path, models = chance.choice(_SERVICES)
        exchange, now = new_event_id(), now_us()
        flow, model, user = f"{label}-{number}", chance.choice(models), chance.randrange(500)
        common = {"exchange_id": exchange, "flow_id": flow, "host": host, "service": service, "provider": service}
        common |= {"user": f"user-{user}@lab.example", "team": _TEAMS[user % 4], "path_template": path}
        findings = tuple(_finding(chance, order) for order in range((0, 1, 1, 3)[number % 4]))
        request = AuditRecord(
            **common,  # type: ignore[arg-type]  # all of these are strings
            event_id=new_event_id(),
            ts=now,
            kind="request",
            app="bench",
            src_ip=f"10.20.{user % 250}.7",
            auth_method="virtual_key",
            api_key_fp=f"fp-{user:06d}",
            method="POST",
            port=443,
            operation="chat",
            service_status="sanctioned",
            request_model=model,
            stream=True,
            inspection="inspected",
            protocol="HTTP/2.0",
            req_bytes=chance.randrange(400, 60_000),
            dlp_us=chance.randrange(80, 4_000),
            mode="enforce",
            verdict="redact" if findings else "allow",
            action="redact" if findings else "allow",
            policy_hash="5f" * 32,
            findings=findings,
        )
        calls = () if number % 5 else (ToolCallRow(ord=0, name=chance.choice(_TOOLS), call_id=f"call_{number}"),)
        reply = AuditRecord(
            **common,  # type: ignore[arg-type]
            event_id=new_event_id(),
            ts=now,
            ts_end=now + chance.randrange(200_000, 9_000_000),
            kind="response",
            response_model=model,
            response_id=f"resp-{number}",
            finish_reason="stop",
            http_status=200,
            input_tokens=chance.randrange(20, 20_000),
            output_tokens=chance.randrange(5, 2_000),
            usage_source="reported",
            cost_nano=chance.randrange(10_000, 90_000_000),
            price_id=f"{service}/{model}",
            duration_us=chance.randrange(200_000, 9_000_000),
            ttft_us=chance.randrange(90_000, 900_000),
            overhead_us=chance.randrange(900, 9_000),
            resp_bytes=chance.randrange(400, 90_000),
            tool_calls=calls,
        )
        yield request, reply
