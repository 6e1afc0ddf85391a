"""AWS Route 53 Resolver's query log, one JSON object a line."""

from __future__ import annotations

import json

from weir.logs.format import Format, Sample, Source
from weir.logs.sql import json_fields, share, stamp

__all__ = ["FORMAT"]

_MARKS = frozenset(("query_name", "query_timestamp", "srcaddr"))


def _looks(sample: Sample) -> float:
    lines = sample.filled
    return sum(_of_resolver(line) for line in lines) / len(lines) if lines else 0.0


def _of_resolver(line: str) -> bool:
    if '"query_name"' not in line:
        return False
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and held.keys() >= _MARKS


def _sql(source: Source) -> str:
    names = ("query_name", "query_timestamp", "srcaddr", "srcids.instance", "firewall_rule_action")
    return share(
        f"line, {stamp('f[2]')} AS ts, f[1] AS host, f[3] AS source, f[4] AS device,"
        f" CASE WHEN upper(f[5]) = 'BLOCK' THEN 'blocked' ELSE 'allowed' END AS action,"
        f" CASE WHEN f[1] IS NULL AND f[2] IS NULL THEN 'no JSON object of the query log' END AS bad",
        json_fields("text", [f"$.{name}" for name in names]),
    )


FORMAT = Format("route53", "AWS Route 53 Resolver query logs (JSON)", _looks, _sql)
