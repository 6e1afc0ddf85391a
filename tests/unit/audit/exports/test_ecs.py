from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from unit.audit.exports.rows import CONTENT, VERSION, every, full
from weir.audit.exports.ecs import ecs

# Fields of ECS 9.3 that weir fills, with their types (keyword and wildcard: str, long and float: int); the schema's
# published field list was their source. All else must stand under "weir".
FIELDS: dict[str, type] = {
    "@timestamp": str,
    "ecs.version": str,
    "message": str,
    "event.id": str,
    "event.kind": str,
    "event.category": list,
    "event.type": list,
    "event.action": str,
    "event.outcome": str,
    "event.module": str,
    "event.dataset": str,
    "event.severity": int,
    "event.sequence": int,
    "event.reason": str,
    "event.start": str,
    "event.end": str,
    "event.duration": int,
    "observer.vendor": str,
    "observer.product": str,
    "observer.version": str,
    "observer.type": str,
    "observer.name": str,
    "user.name": str,
    "user.group.name": str,
    "source.ip": str,
    "source.bytes": int,
    "source.address": str,
    "destination.address": str,
    "destination.domain": str,
    "destination.port": int,
    "destination.bytes": int,
    "network.direction": str,
    "network.protocol": str,
    "http.request.method": str,
    "http.response.status_code": int,
    "url.domain": str,
    "url.path": str,
    "user_agent.original": str,
    "process.name": str,
    "rule.id": str,
    "related.user": list,
    "related.ip": list,
    "related.hosts": list,
    "gen_ai.system": str,
    "gen_ai.operation.name": str,
    "gen_ai.request.model": str,
    "gen_ai.response.id": str,
    "gen_ai.response.model": str,
    "gen_ai.usage.input_tokens": int,
    "gen_ai.usage.output_tokens": int,
    "gen_ai.tool.name": list,
    "gen_ai.tool.call.id": list,
}
KINDS = {"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"}
CATEGORIES = {"api", "network", "configuration"}
# Which types the schema expects with these categories.
TYPES = {"access", "allowed", "change", "connection", "denied", "end", "info", "start"}


def leaves(doc: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in doc.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


@pytest.mark.parametrize("row", every())
def test_only_fields_of_the_schema_and_our_own(row: dict[str, object]) -> None:
    doc = ecs(row, VERSION)
    for name, value in leaves(doc):
        assert name.startswith("weir.") or type(value) is FIELDS[name], name
    event = doc["event"]
    assert event["kind"] in KINDS and event["outcome"] in ("success", "failure", "unknown")
    assert set(event.get("category", [])) <= CATEGORIES and set(event.get("type", [])) <= TYPES
    assert CONTENT not in str(doc)


def test_an_exchange() -> None:
    doc = ecs(full(), VERSION)
    assert doc["@timestamp"] == "2026-05-28T20:26:40.123456Z" and doc["ecs"] == {"version": "9.3.0"}
    assert doc["event"]["kind"] == "alert" and doc["event"]["category"] == ["api", "network"]
    assert doc["event"]["duration"] == 2_500_000_000 and doc["event"]["action"] == "response-redact"
    assert doc["gen_ai"]["usage"] == {"input_tokens": 900, "output_tokens": 100} and doc["gen_ai"]["system"] == "openai"
    assert doc["source"] == {"ip": "10.20.0.7", "address": "10.20.0.7", "bytes": 2000}
    assert doc["weir"]["findings"][0]["match_hmac"] == "f00d" and doc["weir"]["cost_nano"] == 1_234_000


def test_an_index_takes_addresses_only_as_ip() -> None:
    doc = ecs({"kind": "meter", "src_ip": "no address", "host": "10.0.0.1"}, VERSION)
    assert "ip" not in doc["source"] and doc["source"]["address"] == "no address" and "ip" not in doc["related"]


@pytest.mark.parametrize(
    ("given", "outcome", "types"),
    [
        ({"kind": "request", "http_status": None, "findings": ()}, "unknown", ["start", "allowed"]),
        ({"kind": "block", "action": "block"}, "failure", ["end", "denied"]),
        ({"http_status": 500}, "failure", ["end", "allowed"]),
        ({"kind": "error", "http_status": None}, "failure", ["end", "allowed"]),
        ({"kind": "config"}, "success", ["change"]),
    ],
)
def test_outcomes(given: dict[str, Any], outcome: str, types: list[str]) -> None:
    event = ecs(full(**given), VERSION)["event"]
    assert (event["outcome"], event["type"]) == (outcome, types)


def test_a_duration_that_no_index_takes_is_not_known() -> None:
    assert ecs({"duration_us": 9_223_372_036_854_775}, VERSION)["event"]["duration"] == 9_223_372_036_854_775_000
    assert "duration" not in ecs({"duration_us": 9_223_372_036_854_776}, VERSION)["event"]
