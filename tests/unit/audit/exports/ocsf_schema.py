"""A check of events against OCSF 1.7.0: which attributes a class or object has, of which type, and which it must have.

``ocsf-1.7.0.json`` has this for the classes weir makes and the objects it uses, taken out of the published schema
(names, types, requirements, enumerations; no texts).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = json.loads((Path(__file__).parent / "ocsf-1.7.0.json").read_text())
CLASSES = {
    6003: "api_activity",
    6002: "application_lifecycle",
    4001: "network_activity",
    2004: "detection_finding",
    2006: "data_security_finding",
}
AT_LEAST_ONE = {
    "actor": ("process", "user", "invoked_by", "session", "app_name", "app_uid"),
    "user": ("account", "name", "uid"),
    "policy": ("name", "type", "uid"),
    "url": ("url_string", "path"),
    "network_endpoint": ("ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "domain"),
    "data_security": ("data_lifecycle_state_id", "detection_pattern", "detection_system_id", "policy"),
}
_HOST = re.compile(r"(?=.{1,254}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def problems(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event; empty when it is valid."""
    name = CLASSES[event["class_uid"]]
    found = list(_object(event, SCHEMA["classes"][name], name, name))
    if event["category_uid"] != event["class_uid"] // 1000:
        found.append("category_uid")
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        found.append("type_uid")
    profiles = set(event["metadata"].get("profiles", []))
    if set(event) & {"action_id", "disposition_id", "firewall_rule"} and "security_control" not in profiles:
        found.append("metadata.profiles: security_control")
    if "actor" in event and name == "network_activity" and "host" not in profiles:
        found.append("metadata.profiles: host")
    return found


def _object(value: Any, attributes: dict[str, Any], name: str, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: no object"
        return
    for key, item in value.items():
        if key not in attributes:
            yield f"{where}.{key}: unknown"
            continue
        kind, _, *enums = attributes[key]
        values = item if kind.endswith("[]") else [item]
        if not isinstance(values, list):
            yield f"{where}.{key}: no list"
            continue
        for part in values:
            yield from _value(part, kind.removesuffix("[]"), f"{where}.{key}")
            if enums and key not in ("class_uid", "category_uid") and part not in enums[0]:
                yield f"{where}.{key}: {part} is none of its values"
    for key, (_, requirement, *_) in attributes.items():
        if requirement and key not in value:
            yield f"{where}.{key}: missing"
    if name in AT_LEAST_ONE and not set(AT_LEAST_ONE[name]) & set(value):
        yield f"{where}: needs one of {AT_LEAST_ONE[name]}"


def _value(value: Any, kind: str, where: str) -> Iterator[str]:
    if kind in SCHEMA["objects"]:
        yield from _object(value, SCHEMA["objects"][kind], kind, where)
        return
    fits = {
        "integer_t": lambda: type(value) is int and -(2**31) <= value < 2**31,
        "long_t": lambda: type(value) is int and -(2**63) <= value < 2**63,
        "timestamp_t": lambda: type(value) is int and value >= 0,
        "port_t": lambda: type(value) is int and 0 <= value <= 65_535,
        "boolean_t": lambda: type(value) is bool,
        "float_t": lambda: type(value) in (int, float),
        "ip_t": lambda: isinstance(value, str) and bool(ipaddress.ip_address(value)),
        "hostname_t": lambda: isinstance(value, str) and _HOST.fullmatch(value) is not None,
        "object": lambda: isinstance(value, dict),
        "object_t": lambda: isinstance(value, dict),
        "json_t": lambda: True,
    }.get(kind, lambda: isinstance(value, str) and kind.endswith("_t"))()
    if not fits:
        yield f"{where}: no {kind}"
