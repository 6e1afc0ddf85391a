"""OTLP in its JSON encoding: a span for each exchange, with the attributes of the GenAI conventions.

The encoding is protobuf's JSON mapping with OTLP's exceptions: ids in hex, 64-bit integers as text, enums as numbers.
Any OTLP/HTTP receiver takes it as ``application/json`` at ``/v1/traces``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from weir.audit.exports.genai import operation, provider
from weir.audit.exports.row import PRODUCT, Row, children, flag, held, micros, number, text

__all__ = ["SPANS", "attributes", "resource", "span", "traces"]

SPANS = ("response", "block", "error")  # each exchange has one of these, when it is over
_CLIENT, _ERROR = 3, 2
_SCHEMA = "https://opentelemetry.io/schemas/1.41.0"

Value = str | int | float | bool | list[str]


def traces(rows: Iterable[Row], version: str) -> dict[str, Any]:
    """One export request with a span for each row that ends an exchange; other rows have none."""
    by_proxy: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if text(row, "kind") in SPANS:
            by_proxy.setdefault(text(row, "proxy_id"), []).append(span(row))
    return {
        "resourceSpans": [
            {
                "resource": resource(proxy_id, version),
                "scopeSpans": [
                    {"scope": {"name": f"{PRODUCT}.audit", "version": version}, "spans": spans, "schemaUrl": _SCHEMA}
                ],
            }
            for proxy_id, spans in by_proxy.items()
        ]
    }


def resource(proxy_id: str, version: str) -> dict[str, Any]:
    """The resource that spans and metrics of a proxy come from."""
    named = {"service.name": PRODUCT, "service.version": version, "service.instance.id": proxy_id}
    return {"attributes": attributes(named)}


def nanoseconds(at_us: int) -> str:
    """A point in time as OTLP has it: fixed64, so that what lies after the year 2554 becomes that."""
    return str(min(at_us * 1_000, 2**64 - 1))


def span(row: Row) -> dict[str, Any]:
    """The span of a row. Its ids are made from the row's own, so that a row sent twice is the same span."""
    start = micros(row, "ts")
    end = max(start, micros(row, "ts_end") or start + (number(row, "duration_us") or 0))
    trace_id, span_id = _ids(row)
    name = f"{operation(row) or 'exchange'} {text(row, 'request_model')}".strip()
    found: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": name,
        "kind": _CLIENT,
        "startTimeUnixNano": nanoseconds(start),
        "endTimeUnixNano": nanoseconds(end),
        "attributes": attributes(_described(row)),
        "events": [_finding(item, start) for item in children(row, "findings")],
    }
    wrong = _wrong(row)
    if wrong:
        found["status"] = {"code": _ERROR, "message": wrong}
    return found


def attributes(named: Mapping[str, Value | None]) -> list[dict[str, Any]]:
    """Attributes in OTLP's form; what is not known is left out."""
    return [{"key": key, "value": _any(value)} for key, value in named.items() if value not in (None, "", [])]


def _any(value: Value | None) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
    return {"stringValue": value}


def _ids(row: Row) -> tuple[str, str]:
    """Trace and span id in hex. A UUID has the size of a trace id; zeros alone are not allowed in either."""
    event, exchange = text(row, "event_id"), text(row, "exchange_id").replace("-", "").lower()
    fits = len(exchange) == 32 and set(exchange) <= set("0123456789abcdef") and set(exchange) != {"0"}
    hashed = hashlib.sha256(f"{event}|{text(row, 'proxy_id')}|{number(row, 'seq')}".encode()).hexdigest()
    return exchange if fits else hashed[:32], hashed[32:48]


def _described(row: Row) -> dict[str, Value | None]:
    ttft, finish = number(row, "ttft_us"), text(row, "finish_reason")
    return {
        "gen_ai.operation.name": operation(row),
        "gen_ai.provider.name": provider(row),
        "gen_ai.request.model": text(row, "request_model"),
        "gen_ai.request.stream": flag(row, "stream") or None,
        "gen_ai.response.model": text(row, "response_model"),
        "gen_ai.response.id": text(row, "response_id"),
        "gen_ai.response.finish_reasons": [finish] if finish else None,
        "gen_ai.response.time_to_first_chunk": ttft / 1e6 if ttft is not None else None,
        "gen_ai.conversation.id": text(row, "conversation_id"),
        "gen_ai.usage.input_tokens": number(row, "input_tokens"),
        "gen_ai.usage.output_tokens": number(row, "output_tokens"),
        "gen_ai.usage.cache_read.input_tokens": number(row, "cache_read_tokens"),
        "gen_ai.usage.cache_creation.input_tokens": number(row, "cache_write_tokens"),
        "gen_ai.usage.reasoning.output_tokens": number(row, "reasoning_tokens"),
        "server.address": text(row, "host"),
        "server.port": number(row, "port"),
        "http.request.method": text(row, "method"),
        "http.response.status_code": number(row, "http_status"),
        "url.template": text(row, "path_template"),
        "user_agent.original": text(row, "user_agent"),
        "client.address": text(row, "src_ip"),
        "user.name": text(row, "user"),
        "error.type": _wrong(row),
        "weir.team": text(row, "team"),
        "weir.app": text(row, "app"),
        "weir.service": text(row, "service"),
        "weir.service_status": text(row, "service_status"),
        "weir.inspection": text(row, "inspection"),
        "weir.verdict": text(row, "verdict"),
        "weir.action": text(row, "action"),
        "weir.rule_id": text(row, "rule_id"),
        "weir.cost_nano_usd": number(row, "cost_nano"),
        "weir.event_id": text(row, "event_id"),
        "weir.row_hash": text(row, "row_hash"),
        "weir.tool_calls": [text(call, "name") for call in children(row, "tool_calls")],
    }


def _finding(item: Row, at: int) -> dict[str, Any]:
    told = ("detector", "category", "direction", "action", "severity", "match_hmac")
    named: dict[str, Value | None] = {f"weir.finding.{name}": text(item, name) for name in told}
    return {"timeUnixNano": nanoseconds(at), "name": "weir.finding", "attributes": attributes(named)}


def _wrong(row: Row) -> str:
    """``error.type``: held back, broken off, or the status a provider answered with; "" when it went well."""
    status = number(row, "http_status")
    if held(row):
        return "held"
    if text(row, "kind") == "error":
        return "broken_off"
    return str(status) if status is not None and status >= 400 else ""
