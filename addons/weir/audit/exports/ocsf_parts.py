"""What all OCSF events of a row share: their head, who called, and the two ends of the connection."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from weir.audit.exports.row import PRODUCT, Row, millis, number, severity, text, title, words

__all__ = ["OCSF_VERSION", "base", "endpoint", "severity_id", "small", "user"]

OCSF_VERSION = "1.7.0"
_HOSTNAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def base(
    row: Row, version: str, classes: tuple[int, int, str], activity: tuple[int, str], profiles: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What every event has. ``classes``: category, class and its name; ``activity``: id and name; ``profiles``: what
    the event has beside the attributes of its class."""
    category, class_uid, class_name = classes
    return {
        "category_uid": category,
        "class_uid": class_uid,
        "class_name": class_name,
        "activity_id": activity[0],
        "activity_name": activity[1],
        "type_uid": class_uid * 100 + activity[0],
        "time": millis(row),
        "start_time": millis(row) or None,
        "end_time": millis(row, "ts_end") or None,
        "severity_id": severity_id(severity(row)),
        "message": title(row),
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": version},
            "profiles": list(profiles),
            "uid": text(row, "event_id"),
            "correlation_uid": text(row, "exchange_id"),
            "event_code": text(row, "kind"),
            "log_provider": text(row, "proxy_id"),
            "sequence": small(row, "seq"),
        },
    }


def small(row: Row, name: str) -> int | None:
    """A column for an attribute of 32 bits; what does not fit is left out rather than told wrongly."""
    value = number(row, name)
    return value if value is not None and -(2**31) <= value < 2**31 else None


def severity_id(grade: int) -> int:
    """The schema's severity for 0 to 10: informational, low, medium, high, critical."""
    return 5 if grade >= 9 else 4 if grade >= 7 else 3 if grade >= 5 else 2 if grade >= 3 else 1


def user(row: Row) -> dict[str, Any]:
    """Who called; the schema wants a name, so somebody unknown is called that."""
    groups = [
        {"name": name} for name in (*([text(row, "team")] if text(row, "team") else []), *words(row, "user_groups"))
    ]
    return {"name": text(row, "user") or "unknown", "credential_uid": text(row, "key_id"), "groups": groups}


def endpoint(address: str, port: int | None = None, service: str = "") -> dict[str, Any]:
    """An end of the connection: an address where it is one, else a host name; never neither."""
    found: dict[str, Any] = {"port": port if port is not None and 0 <= port <= 65_535 else None, "svc_name": service}
    try:
        found["ip"] = str(ipaddress.ip_address(address.split("%")[0]))
    except ValueError:
        fits = len(address) <= 253 and _HOSTNAME.fullmatch(address)
        found["hostname" if fits else "name"] = address or "unknown"
    return found
