"""Cloudflare Gateway by Logpush: DNS, HTTP, network and sessions, one JSON object a line."""

from __future__ import annotations

import json

from weir.logs.format import Format, Sample, Source
from weir.logs.sql import count, epoch, json_fields, share, stamp

__all__ = ["FORMAT"]

_KINDS = (
    frozenset(("QueryName", "ResolverDecision")),
    frozenset(("HTTPHost", "Datetime")),
    frozenset(("SNI", "Transport")),
    frozenset(("SNI", "SessionStartTime")),
)
_FIELDS = [
    "QueryName",
    "HTTPHost",
    "SNI",
    "URL",
    "Datetime",
    "SessionStartTime",
    "Email",
    "DeviceName",
    "SourceInternalIP",
    "SourceIP",
    "SrcIP",
    "Action",
    "ResolverDecision",
    "UserAgent",
    "BytesSent",
    "BytesReceived",
    "DestinationIP",
    "DstIP",
]
F = {name: f"nullif(f[{place}], '')" for place, name in enumerate(_FIELDS, 1)}


def _looks(sample: Sample) -> float:
    lines = sample.filled
    return sum(_of_gateway(line) for line in lines) / len(lines) if lines else 0.0


def _of_gateway(line: str) -> bool:
    if not line.lstrip().startswith("{") or ('"Datetime"' not in line and '"SessionStartTime"' not in line):
        return False
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and any(kind <= held.keys() for kind in _KINDS)


def _sql(source: Source) -> str:
    at = f"coalesce({F['Datetime']}, {F['SessionStartTime']})"
    went = f"lower(coalesce({F['Action']}, {F['ResolverDecision']}, ''))"
    # The name that the client asked for; a destination's address only where nothing has a name.
    named = f"coalesce({F['QueryName']}, {F['HTTPHost']}, {F['SNI']})"
    bare = f"CASE WHEN {F['URL']} IS NULL THEN coalesce({F['DestinationIP']}, {F['DstIP']}) END"
    return share(
        f"line, coalesce({epoch(at)}, {stamp(at)}) AS ts, coalesce({named}, {bare}) AS host, {F['URL']} AS url,"
        f" {F['Email']} AS user, {F['DeviceName']} AS device, {F['UserAgent']} AS agent,"
        f" coalesce({F['SourceInternalIP']}, {F['SourceIP']}, {F['SrcIP']}) AS source,"
        f" CASE WHEN regexp_matches({went}, '^(block|drop|deny|l4_drop)') THEN 'blocked' ELSE 'allowed' END AS action,"
        f" {count(F['BytesSent'])} AS bytes_up, {count(F['BytesReceived'])} AS bytes_down,"
        f" CASE WHEN {at} IS NULL AND {named} IS NULL THEN 'no JSON object of Gateway' END AS bad",
        json_fields("text", [f"$.{name}" for name in _FIELDS]),
    )


FORMAT = Format("cloudflare", "Cloudflare Gateway DNS, HTTP, network (Logpush JSON)", _looks, _sql)
