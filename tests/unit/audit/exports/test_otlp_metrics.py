from __future__ import annotations

from typing import Any

from unit.audit.exports.otlp_schema import problems
from unit.audit.exports.rows import TS, VERSION, every, full
from weir.audit.exports.otlp_metrics import DURATION_BOUNDS, TOKEN_BOUNDS, metrics


def points(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    request = metrics(rows, VERSION, TS, TS + 60_000_000)
    assert list(problems(request, "MetricsRequest")) == []
    (one,) = request["resourceMetrics"]
    return {item["name"]: item["histogram"]["dataPoints"] for item in one["scopeMetrics"][0]["metrics"]}


def test_bounds_are_those_of_the_conventions() -> None:
    assert TOKEN_BOUNDS[:3] == [1, 4, 16] and TOKEN_BOUNDS[-1] == 67_108_864
    assert DURATION_BOUNDS[0] == 0.01 and round(DURATION_BOUNDS[-1], 2) == 81.92 and len(DURATION_BOUNDS) == 14


def test_tokens_and_times_of_some_exchanges() -> None:
    found = points([full(), full(input_tokens=1, duration_us=10_000_000), full(kind="request"), full(kind="turn")])
    tokens = {dict_of(item)["gen_ai.token.type"]: item for item in found["gen_ai.client.token.usage"]}
    assert tokens["input"]["count"] == "2" and tokens["input"]["sum"] == 901.0
    assert tokens["input"]["bucketCounts"][0] == "1" and tokens["input"]["bucketCounts"][5] == "1"
    (duration,) = found["gen_ai.client.operation.duration"]
    assert (duration["min"], duration["max"], duration["count"]) == (2.5, 10.0, "2")
    assert sum(int(count) for count in duration["bucketCounts"]) == 2
    assert len(duration["bucketCounts"]) == len(duration["explicitBounds"]) + 1
    assert duration["startTimeUnixNano"] == str(TS * 1000)


def dict_of(point: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: item["value"]["stringValue"] for item in point["attributes"]}


def test_rows_of_all_kinds_and_of_none() -> None:
    assert list(problems(metrics(every(), VERSION, 0, 1), "MetricsRequest")) == []
    assert metrics([], VERSION, 0, 1) == {"resourceMetrics": []}
