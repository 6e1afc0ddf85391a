"""OTLP metrics in JSON: how many tokens were used and how long exchanges took, as the GenAI conventions have them.

Delta histograms over the rows of a stretch of time: whoever sends them sums up, so a row must go into one request only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from weir.audit.exports.genai import operation, provider
from weir.audit.exports.otlp import SPANS, attributes, nanoseconds, resource
from weir.audit.exports.row import PRODUCT, Row, number, text

__all__ = ["DURATION_BOUNDS", "TOKEN_BOUNDS", "metrics"]

TOKEN_BOUNDS = [4.0**power for power in range(14)]
DURATION_BOUNDS = [0.01 * 2**power for power in range(14)]
_DELTA = 1


@dataclass(slots=True)
class _Histogram:
    bounds: Sequence[float]
    buckets: list[int] = field(init=False)
    values: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.buckets = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.buckets[bisect_left(self.bounds, value)] += 1  # a bound belongs to the bucket below it
        self.values.append(value)


def metrics(rows: Iterable[Row], version: str, start: int, end: int) -> dict[str, Any]:
    """One export request over the rows that end an exchange. ``start`` and ``end``: the stretch, µs since the epoch."""
    tokens: dict[str, dict[tuple[tuple[str, str], ...], _Histogram]] = {}
    durations: dict[str, dict[tuple[tuple[str, str], ...], _Histogram]] = {}
    for row in rows:
        if text(row, "kind") not in SPANS or not provider(row):
            continue
        proxy_id, named = text(row, "proxy_id"), _dimensions(row)
        for kind in ("input", "output"):
            count = number(row, f"{kind}_tokens")
            if count is not None:
                key = (*named, ("gen_ai.token.type", kind))
                tokens.setdefault(proxy_id, {}).setdefault(key, _Histogram(TOKEN_BOUNDS)).add(float(count))
        duration = number(row, "duration_us")
        if duration is not None:
            durations.setdefault(proxy_id, {}).setdefault(named, _Histogram(DURATION_BOUNDS)).add(duration / 1e6)
    stretch = {"startTimeUnixNano": nanoseconds(start), "timeUnixNano": nanoseconds(end)}
    return {
        "resourceMetrics": [
            {
                "resource": resource(proxy_id, version),
                "scopeMetrics": [
                    {
                        "scope": {"name": f"{PRODUCT}.audit", "version": version},
                        "metrics": [
                            _metric("gen_ai.client.token.usage", "{token}", tokens.get(proxy_id, {}), stretch),
                            _metric("gen_ai.client.operation.duration", "s", durations.get(proxy_id, {}), stretch),
                        ],
                    }
                ],
            }
            for proxy_id in sorted({*tokens, *durations})
        ]
    }


def _dimensions(row: Row) -> tuple[tuple[str, str], ...]:
    named = (
        ("gen_ai.operation.name", operation(row) or "exchange"),
        ("gen_ai.provider.name", provider(row)),
        ("gen_ai.request.model", text(row, "request_model")),
        ("gen_ai.response.model", text(row, "response_model")),
        ("server.address", text(row, "host")),
        ("weir.team", text(row, "team")),
    )
    return tuple((key, value) for key, value in named if value)


def _metric(
    name: str, unit: str, found: dict[tuple[tuple[str, str], ...], _Histogram], stretch: dict[str, str]
) -> dict[str, Any]:
    points = [
        {
            **stretch,
            "attributes": attributes(dict(key)),
            "count": str(len(item.values)),
            "sum": sum(item.values),
            "min": min(item.values),
            "max": max(item.values),
            "bucketCounts": [str(count) for count in item.buckets],
            "explicitBounds": list(item.bounds),
        }
        for key, item in found.items()
    ]
    return {"name": name, "unit": unit, "histogram": {"aggregationTemporality": _DELTA, "dataPoints": points}}
