from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from unit.audit.exports.otlp_schema import problems
from unit.audit.exports.rows import CONTENT, VERSION, every, full, hostile
from weir.audit.exports.otlp import attributes, span, traces


def named(found: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in found["attributes"]}


def test_a_request_for_all_kinds_of_rows() -> None:
    request = traces(every(), VERSION)
    assert list(problems(request, "TraceRequest")) == []
    assert CONTENT not in str(request)
    spans = [span for one in request["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]
    assert len(spans) == sum(row.get("kind") in ("response", "block", "error") for row in every())


def test_an_exchange() -> None:
    found = span(full())
    assert found["traceId"] == "019e704835007000800000000000000" + "2" and found["name"] == "chat gpt-5"
    assert int(found["endTimeUnixNano"]) - int(found["startTimeUnixNano"]) == 2_500_000_000
    told = named(found)
    assert told["gen_ai.usage.input_tokens"] == "900" and told["gen_ai.response.time_to_first_chunk"] == 0.3
    assert told["gen_ai.usage.cache_read.input_tokens"] == "800" and "status" not in found
    assert found["events"][0]["name"] == "weir.finding" and len(found["events"]) == 2


def test_the_conventions_know_the_names() -> None:
    known = {value for value in vars(gen_ai_attributes).values() if isinstance(value, str)}
    assert {key for key in named(span(full())) if key.startswith("gen_ai.")} <= known


def test_a_row_sent_twice_is_the_same_span_and_another_row_is_not() -> None:
    assert span(full())["spanId"] == span(full())["spanId"]
    assert span(full())["spanId"] != span(full(event_id="019e7048-357b-7000-8000-00000000000f"))["spanId"]
    assert span(hostile())["traceId"] != span({**hostile(), "event_id": "x"})["traceId"]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [({"action": "block", "kind": "block"}, "held"), ({"http_status": 429}, "429"), ({"kind": "error"}, "broken_off")],
)
def test_what_went_wrong(given: dict[str, Any], wrong: str) -> None:
    found = span(full(**given))
    assert found["status"] == {"code": 2, "message": wrong} and named(found)["error.type"] == wrong


def test_values_have_their_types() -> None:
    found = attributes({"a": True, "b": 2**60, "c": 0.5, "d": ["x"], "e": "y", "f": None, "g": "", "h": [], "i": 0})
    assert [item["value"] for item in found] == [
        {"boolValue": True}, {"intValue": str(2**60)}, {"doubleValue": 0.5},
        {"arrayValue": {"values": [{"stringValue": "x"}]}}, {"stringValue": "y"}, {"intValue": "0"},
    ]  # fmt: skip


def test_a_clock_that_went_back_makes_no_negative_span() -> None:
    found = span(full(ts_end=5))
    assert found["startTimeUnixNano"] == found["endTimeUnixNano"]


def test_a_clock_far_ahead_still_fits_its_field() -> None:
    made = span({"ts": 253_402_300_799_999_999, "duration_us": 10**17, "kind": "response"})
    assert made["startTimeUnixNano"] == made["endTimeUnixNano"] == str(2**64 - 1)
