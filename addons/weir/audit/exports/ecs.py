"""Elastic Common Schema 9.3: a document an index takes as it is. What has no field there stands under ``weir``."""

from __future__ import annotations

import ipaddress
from typing import Any

from weir.audit.exports.genai import operation, provider
from weir.audit.exports.row import (
    EXCHANGES,
    PRODUCT,
    Row,
    children,
    held,
    kept,
    micros,
    moment,
    number,
    severity,
    text,
    title,
    words,
)

__all__ = ["ECS_VERSION", "ecs"]

ECS_VERSION = "9.3.0"
_OWN_TEXTS = (
    *("kind", "exchange_id", "boot_id", "conversation_id", "session_id", "auth_method", "app", "device", "key_id"),
    *("api_key_fp", "identity_rule", "credential", "credential_kind", "managed_key", "account", "service"),
    *(
        "service_status",
        "model_asked",
        "inspection",
        "inspection_reason",
        "usage_source",
        "price_id",
        "mode",
        "verdict",
    ),
    *("action", "policy_hash", "coach_grant", "content_ct_hash", "prev_hash", "row_hash"),
)
_OWN_NUMBERS = (
    *(
        "auth_strength",
        "cache_read_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "cost_nano",
        "cache_saved_nano",
        "ttft_us",
    ),
    *("overhead_us", "dlp_us", "dlp_chars", "dropped"),
)
_FINDING = ("detector", "category", "direction", "action", "rule_id", "match_hmac", "severity")


def ecs(row: Row, version: str) -> dict[str, Any]:
    """The document of a row. ``version``: weir's own."""
    user, host, address = text(row, "user"), text(row, "host"), text(row, "src_ip")
    return kept(
        {
            "@timestamp": moment(row),
            "ecs": {"version": ECS_VERSION},
            "message": title(row),
            "event": _event(row),
            "observer": {
                "vendor": PRODUCT,
                "product": PRODUCT,
                "version": version,
                "type": "proxy",
                "name": text(row, "proxy_id"),
            },
            "user": {"name": user, "group": {"name": text(row, "team")}},
            "source": {"ip": _ip(address), "address": address, "bytes": number(row, "req_bytes")},
            "destination": {"domain": host, "port": number(row, "port"), "bytes": number(row, "resp_bytes")},
            "network": {"direction": "outbound", "protocol": _protocol(row)},
            "http": {
                "request": {"method": text(row, "method")},
                "response": {"status_code": number(row, "http_status")},
            },
            "url": {"domain": host, "path": text(row, "path_template")},
            "user_agent": {"original": text(row, "user_agent")},
            "process": {"name": text(row, "process_name")},
            "rule": {"id": text(row, "rule_id")},
            "related": {"user": [user], "ip": [_ip(address)], "hosts": [host]},
            "gen_ai": _gen_ai(row),
            "weir": _own(row),
        }
    )


def _event(row: Row) -> dict[str, Any]:
    duration, end = number(row, "duration_us"), micros(row, "ts_end")
    kind, category, types = _classes(row)
    return {
        "id": text(row, "event_id"),
        "kind": kind,
        "category": category,
        "type": types,
        "action": f"{text(row, 'kind')}-{text(row, 'action')}".rstrip("-"),
        "outcome": _outcome(row),
        "module": PRODUCT,
        "dataset": f"{PRODUCT}.audit",
        "severity": severity(row),
        "sequence": number(row, "seq"),
        "reason": text(row, "reason"),
        "start": moment(row) if micros(row, "ts") else None,
        "end": moment(row, "ts_end") if end else None,
        "duration": _nanoseconds(duration),
    }


def _nanoseconds(duration_us: int | None) -> int | None:
    """ECS counts nanoseconds in a ``long``; None also for what does not fit into one, as from a broken clock."""
    nanoseconds = None if duration_us is None else duration_us * 1_000
    return nanoseconds if nanoseconds is not None and abs(nanoseconds) < 2**63 else None


def _classes(row: Row) -> tuple[str, list[str], list[str]]:
    """Kind, category and type: values of the schema's own lists."""
    kind = text(row, "kind")
    told = "denied" if held(row) else "allowed"
    if kind in EXCHANGES:
        ends = "start" if kind == "request" else "end"
        return "alert" if children(row, "findings") or held(row) else "event", ["api", "network"], [ends, told]
    if kind in ("meter", "discovered", "first_seen"):
        return "event", ["network"], ["connection", told]
    if kind == "config":
        return "event", ["configuration"], ["change"]
    if kind == "gap":
        return "pipeline_error", [], []
    return "event", ["configuration"], ["info"]


def _outcome(row: Row) -> str:
    status = number(row, "http_status")
    if held(row) or text(row, "kind") == "error":
        return "failure"
    if status is None:
        return "unknown"
    return "success" if status < 400 else "failure"


def _ip(value: str) -> str:
    """An address as an index of type ip takes it, "" for anything else."""
    try:
        return str(ipaddress.ip_address(value.split("%")[0]))
    except ValueError:
        return ""


def _protocol(row: Row) -> str:
    return "http" if text(row, "protocol").upper().startswith("HTTP") else ""


def _gen_ai(row: Row) -> dict[str, Any]:
    calls = children(row, "tool_calls")
    return {
        "system": provider(row),
        "operation": {"name": operation(row)},
        "request": {"model": text(row, "request_model")},
        "response": {"id": text(row, "response_id"), "model": text(row, "response_model")},
        "usage": {"input_tokens": number(row, "input_tokens"), "output_tokens": number(row, "output_tokens")},
        "tool": {
            "name": [text(call, "name") for call in calls],
            "call": {"id": [text(call, "call_id") for call in calls]},
        },
    }


def _own(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {name: text(row, name) for name in _OWN_TEXTS}
    found |= {name: number(row, name) for name in _OWN_NUMBERS}
    found["finish_reason"] = text(row, "finish_reason")
    found["user_groups"] = words(row, "user_groups")
    found["findings"] = [
        {**{name: text(item, name) for name in _FINDING}, "score_pct": number(item, "score_pct")}
        for item in children(row, "findings")
    ]
    return found
