"""What was found, as OCSF events: data that must not leave as Data Security Finding (2006), all else as Detection
Finding (2004). They name the detector and a keyed fingerprint; the text that matched is nowhere in weir's audit."""

from __future__ import annotations

from typing import Any

from weir.audit.exports.ocsf_parts import base, endpoint, severity_id, small, user
from weir.audit.exports.row import Row, held, millis, number, text

__all__ = ["DATA", "finding"]

DATA = ("secret", "pii", "exact", "marking")  # categories about data; others are about behaviour
_CATEGORIES = {"pii": (1, "Personal"), "secret": (6, "Security")}
_GRADES = {"critical": 9, "high": 8, "medium": 6, "low": 4}
_RULE = 1  # a kind of analytic


def finding(row: Row, item: Row, version: str) -> dict[str, Any]:
    """The event of one finding (``item``, a row of ``findings``) of a row."""
    about_data = text(item, "category") in DATA
    classes = (2, 2006, "Data Security Finding") if about_data else (2, 2004, "Detection Finding")
    event = base(row, version, classes, (1, "Create"), ("security_control",))
    event["severity_id"] = severity_id(_GRADES.get(text(item, "severity"), 1))
    event["message"] = _title(item)
    event["metadata"]["uid"] = _uid(row, item)
    score = small(item, "score_pct")
    stopped = held(row) or text(item, "action") in ("redact", "pseudonymise")
    event |= {
        "confidence_score": score,
        "is_alert": True,
        "action_id": 2 if held(row) else 1,
        "action": "Denied" if held(row) else "Allowed",
        "disposition_id": 2 if held(row) else 99 if stopped else 15,
        "disposition": "Blocked" if held(row) else text(item, "action") if stopped else "Detected",
        "firewall_rule": {"uid": text(item, "rule_id")} if text(item, "rule_id") else None,
        "finding_info": {
            "uid": _uid(row, item),
            "title": _title(item),
            "types": [text(item, "category")],
            "analytic": {"uid": text(item, "detector"), "type_id": _RULE, "type": "Rule"},
            "first_seen_time": millis(row) or None,
        },
        "unmapped": {
            "direction": text(item, "direction"),
            "match_hmac": text(item, "match_hmac"),
            "treatment": text(item, "action"),
            "segment": number(item, "segment"),
            "span_start": number(item, "span_start"),
            "span_end": number(item, "span_end"),
        },
    }
    if about_data:
        event["actor"] = {"user": user(row), "app_name": text(row, "app")}
        event["src_endpoint"] = endpoint(text(row, "src_ip"))
        event["dst_endpoint"] = endpoint(text(row, "host"), number(row, "port"), text(row, "service"))
        event["data_security"] = _data(item)
    else:
        event["evidences"] = [
            {
                "actor": {"user": user(row), "app_name": text(row, "app")},
                "src_endpoint": endpoint(text(row, "src_ip")),
                "dst_endpoint": endpoint(text(row, "host"), number(row, "port"), text(row, "service")),
            }
        ]
    return event


def _data(item: Row) -> dict[str, Any]:
    category_id, category = _CATEGORIES.get(text(item, "category"), (99, text(item, "category")))
    return {
        "category_id": category_id,
        "category": category,
        "data_lifecycle_state_id": 2,
        "data_lifecycle_state": "Data in-Transit",
        "detection_system_id": 2,
        "detection_system": "DLP Gateway",
        "detection_pattern": text(item, "detector"),
    }


def _title(item: Row) -> str:
    where = {"request": "a request", "response": "a reply"}.get(text(item, "direction"), "an exchange")
    return f"{text(item, 'detector') or 'a detector'} in {where}"


def _uid(row: Row, item: Row) -> str:
    """Unique and the same each time: the event's id and the finding's number in it."""
    return f"{text(row, 'event_id') or 'unknown'}:{number(item, 'ord') or 0}"
