"""OTLP's messages as far as weir uses them: field names and types of the published .proto files in their JSON form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_INT64 = re.compile(r"-?(0|[1-9]\d{0,18})")
_UINT64 = re.compile(r"0|[1-9]\d{0,19}")
MESSAGES: dict[str, dict[str, str]] = {
    "TraceRequest": {"resourceSpans": "ResourceSpans*"},
    "ResourceSpans": {"resource": "Resource", "scopeSpans": "ScopeSpans*", "schemaUrl": "string"},
    "Resource": {"attributes": "KeyValue*", "droppedAttributesCount": "uint32"},
    "ScopeSpans": {"scope": "Scope", "spans": "Span*", "schemaUrl": "string"},
    "Scope": {"name": "string", "version": "string", "attributes": "KeyValue*"},
    "Span": {
        "traceId": "hex16", "spanId": "hex8", "parentSpanId": "hex8", "traceState": "string", "flags": "uint32",
        "name": "string", "kind": "enum", "startTimeUnixNano": "uint64", "endTimeUnixNano": "uint64",
        "attributes": "KeyValue*", "events": "Event*", "status": "Status",
    },
    "Event": {"timeUnixNano": "uint64", "name": "string", "attributes": "KeyValue*"},
    "Status": {"message": "string", "code": "enum"},
    "KeyValue": {"key": "string", "value": "AnyValue"},
    "AnyValue": {"stringValue": "string", "boolValue": "bool", "intValue": "int64", "doubleValue": "double",
                 "arrayValue": "ArrayValue"},
    "ArrayValue": {"values": "AnyValue*"},
    "MetricsRequest": {"resourceMetrics": "ResourceMetrics*"},
    "ResourceMetrics": {"resource": "Resource", "scopeMetrics": "ScopeMetrics*", "schemaUrl": "string"},
    "ScopeMetrics": {"scope": "Scope", "metrics": "Metric*", "schemaUrl": "string"},
    "Metric": {"name": "string", "description": "string", "unit": "string", "histogram": "Histogram"},
    "Histogram": {"dataPoints": "Point*", "aggregationTemporality": "enum"},
    "Point": {"attributes": "KeyValue*", "startTimeUnixNano": "uint64", "timeUnixNano": "uint64", "count": "uint64",
              "sum": "double", "min": "double", "max": "double", "bucketCounts": "uint64*",
              "explicitBounds": "double*"},
}  # fmt: skip


def problems(value: Any, kind: str, where: str = "") -> Iterator[str]:
    """What in ``value`` a receiver of message ``kind`` would refuse or drop."""
    if kind.endswith("*"):
        if not isinstance(value, list):
            yield f"{where}: no list"
            return
        for item in value:
            yield from problems(item, kind[:-1], where + "[]")
    elif kind in MESSAGES:
        if kind == "AnyValue" and len(value) != 1:
            yield f"{where}: a value has one type"
        for key, item in value.items():
            if key not in MESSAGES[kind]:
                yield f"{where}.{key}: unknown"
            else:
                yield from problems(item, MESSAGES[kind][key], f"{where}.{key}")
    else:
        fits = {
            "string": lambda: isinstance(value, str),
            "bool": lambda: type(value) is bool,
            "enum": lambda: type(value) is int,
            "uint32": lambda: type(value) is int and value >= 0,
            "double": lambda: type(value) in (int, float),
            "int64": lambda: isinstance(value, str) and _INT64.fullmatch(value) is not None,
            "uint64": lambda: isinstance(value, str) and _UINT64.fullmatch(value) is not None,
            "hex8": lambda: re.fullmatch("[0-9a-f]{16}", value) and set(value) != {"0"},
            "hex16": lambda: re.fullmatch("[0-9a-f]{32}", value) and set(value) != {"0"},
        }[kind]()
        if not fits:
            yield f"{where}: no {kind}"
