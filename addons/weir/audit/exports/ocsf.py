"""Open Cybersecurity Schema Framework 1.7.0: an event for the row, and one for each thing that was found in it.

An exchange is API Activity (6003), a connection that was not decrypted Network Activity (4001), an event of weir's own
Application Lifecycle (6002); findings are in ``ocsf_findings``. What the schema has no attribute for, tokens and money
among it, stands in ``unmapped``: the profile for AI came with a later version than the one named here.
"""

from __future__ import annotations

from typing import Any

from weir.audit.exports.ocsf_findings import finding
from weir.audit.exports.ocsf_parts import OCSF_VERSION, base, endpoint, small, user
from weir.audit.exports.row import (
    EXCHANGES,
    PRODUCT,
    Row,
    children,
    held,
    kept,
    micros,
    number,
    text,
)

__all__ = ["OCSF_VERSION", "ocsf"]

_ACTIONS = {"allow": (1, "Allowed", 1, "Allowed"), "alert": (1, "Allowed", 19, "Alert")}
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
_OWN_TEXTS = (
    *("kind", "boot_id", "conversation_id", "session_id", "team", "auth_method", "api_key_fp", "key_id"),
    *("identity_rule", "credential", "credential_kind", "managed_key", "account", "service_status", "model_asked"),
    *("request_model", "response_model", "response_id", "finish_reason", "inspection", "inspection_reason"),
    *("usage_source", "price_id", "mode", "verdict", "coach_grant", "content_ct_hash", "prev_hash", "row_hash"),
)
_OWN_NUMBERS = (
    *(
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "cost_nano",
        "cache_saved_nano",
    ),
    *("ttft_us", "overhead_us", "dropped"),
)


def ocsf(row: Row, version: str) -> list[dict[str, Any]]:
    """The events of a row, its own first. ``version``: weir's own."""
    kind = text(row, "kind")
    if kind in EXCHANGES:
        event = _api(row, version)
    elif kind in ("meter", "discovered", "first_seen"):
        event = _network(row, version)
    else:
        event = _lifecycle(row, version)
    return [kept(event), *(kept(finding(row, item, version)) for item in children(row, "findings"))]


def _api(row: Row, version: str) -> dict[str, Any]:
    status, duration = small(row, "http_status"), number(row, "duration_us")
    went = _status(row)
    return {
        **base(row, version, (6, 6003, "API Activity"), (99, text(row, "operation") or "call"), ("security_control",)),
        **_control(row),
        "duration": duration // 1_000 if duration is not None else None,
        "status_id": went,
        "status": {0: "Unknown", 1: "Success", 2: "Failure"}[went],
        "status_code": str(status) if status is not None else None,
        "status_detail": text(row, "reason"),
        "actor": {"user": user(row), "app_name": text(row, "app")},
        "api": {
            "operation": text(row, "operation") or "unknown",
            "service": {"name": text(row, "service"), "uid": text(row, "provider")},
            "request": {"uid": text(row, "exchange_id") or text(row, "event_id") or "unknown"},
        },
        "http_request": {
            "http_method": text(row, "method") if text(row, "method") in _METHODS else None,
            "user_agent": text(row, "user_agent"),
            "url": _url(row),
            "length": small(row, "req_bytes"),
        },
        "http_response": {"code": status, "length": small(row, "resp_bytes")} if status is not None else None,
        "resources": [{"type": "AI model", "name": _model(row)}] if _model(row) else [],
        "src_endpoint": {**endpoint(text(row, "src_ip")), "uid": text(row, "device")},
        "dst_endpoint": endpoint(text(row, "host"), number(row, "port"), text(row, "service")),
        "unmapped": _own(row),
    }


def _network(row: Row, version: str) -> dict[str, Any]:
    sent, came = number(row, "req_bytes"), number(row, "resp_bytes")
    return {
        **base(row, version, (4, 4001, "Network Activity"), (6, "Traffic"), ("host", "security_control")),
        **_control(row),
        "actor": {"user": user(row), "app_name": text(row, "app")},
        "status_detail": text(row, "inspection_reason") or text(row, "reason"),
        "src_endpoint": {**endpoint(text(row, "src_ip")), "uid": text(row, "device")},
        "dst_endpoint": endpoint(text(row, "host"), number(row, "port"), text(row, "service")),
        "traffic": {"bytes_out": sent, "bytes_in": came},
        "unmapped": _own(row),
    }


def _lifecycle(row: Row, version: str) -> dict[str, Any]:
    kind = text(row, "kind")
    return {
        **base(
            row,
            version,
            (6, 6002, "Application Lifecycle"),
            (8, "Update") if kind == "config" else (99, kind or "event"),
        ),
        "app": {"name": PRODUCT, "vendor_name": PRODUCT, "version": version},
        "status_detail": text(row, "reason"),
        "unmapped": _own(row),
    }


def _control(row: Row) -> dict[str, Any]:
    """The profile of security controls: what weir did, in the schema's words where it has them."""
    action = text(row, "action")
    if held(row):
        action_id, shown, disposition_id, disposition = 2, "Denied", 2, "Blocked"
    elif action in ("redact", "pseudonymise", "downgrade"):
        action_id, shown, disposition_id, disposition = 99, action, 99, action
    else:
        action_id, shown, disposition_id, disposition = _ACTIONS.get(action, (0, "Unknown", 0, "Unknown"))
    return {
        "action_id": action_id,
        "action": shown,
        "disposition_id": disposition_id,
        "disposition": disposition,
        "policy": {"uid": text(row, "policy_hash")} if text(row, "policy_hash") else None,
        "firewall_rule": {"uid": text(row, "rule_id")} if text(row, "rule_id") else None,
    }


def _status(row: Row) -> int:
    status = number(row, "http_status")
    if held(row) or text(row, "kind") == "error":
        return 2
    return 0 if status is None else 1 if status < 400 else 2


def _url(row: Row) -> dict[str, Any]:
    """Host and path; none without a path, which the schema asks for. A path template holds no values of a client's."""
    path = text(row, "path_template")
    return {"hostname": endpoint(text(row, "host")).get("hostname"), "path": path} if path else {}


def _model(row: Row) -> str:
    return text(row, "response_model") or text(row, "request_model")


def _own(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {name: text(row, name) for name in _OWN_TEXTS}
    found |= {name: number(row, name) for name in _OWN_NUMBERS}
    found["tool_calls"] = [text(call, "name") for call in children(row, "tool_calls")]
    found["ts_us"] = micros(row, "ts") or None  # the schema counts milliseconds
    return found
