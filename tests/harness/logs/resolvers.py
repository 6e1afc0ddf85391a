"""Logs of DNS: BIND, dnsmasq, Unbound, Umbrella, Route 53, Cloudflare Gateway."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from .events import Event, Sample, seconds
from .proxies import identities

__all__ = ["bind", "cloudflare_dns", "dnsmasq", "route53", "umbrella_dns", "unbound"]

_DNS_LACKS = ("up", "down", "agent", "path")


def _at(event: Event) -> datetime:
    return datetime.fromtimestamp(event.at // 1_000_000, UTC)


def bind(found: Sequence[Event], rng: Random) -> Sample:
    """BIND's query log."""
    lines, told = [], []
    for event in found:
        at = f"{_at(event):%d-%b-%Y %H:%M:%S}.{event.at // 1000 % 1000:03}"
        lines.append(
            f"{at} queries: info: client @0x7f8b1c0cc170 {event.source}#53211 ({event.host}): query: {event.host} IN A"
            f" +E(0)K (10.0.0.53)"
        )
        told.append(seconds(event).without(*_DNS_LACKS, "blocked", "user", "device", "department"))
    return Sample("dns", "bind", "\n".join(lines).encode(), tuple(told))


def dnsmasq(found: Sequence[Event], rng: Random) -> Sample:
    """dnsmasq and Pi-hole: no year; answers and forwards between the queries."""
    lines, told = [], []
    for event in found:
        at = f"{_at(event):%b %e %H:%M:%S} dnsmasq[812]:"
        lines.append(f"{at} query[{rng.choice(('A', 'AAAA', 'HTTPS'))}] {event.host} from {event.source}")
        lines.append(f"{at} forwarded {event.host} to 9.9.9.9")
        lines.append(f"{at} reply {event.host} is 203.0.113.9")
        told.append(seconds(event).without(*_DNS_LACKS, "blocked", "user", "device", "department"))
    return Sample("dns", "dnsmasq", "\n".join(lines).encode(), tuple(told), dated=False)


def unbound(found: Sequence[Event], rng: Random) -> Sample:
    """Unbound with log-queries: names end with a dot."""
    lines = [f"[{one.at // 1_000_000}] unbound[812:0] info: {one.source} {one.host}. A IN" for one in found]
    lacks = (*_DNS_LACKS, "blocked", "user", "device", "department")
    return Sample("dns", "unbound", "\n".join(lines).encode(), tuple(seconds(one).without(*lacks) for one in found))


def umbrella_dns(found: Sequence[Event], rng: Random) -> Sample:
    """13 columns, or 10 in the oldest rows, or more in new ones; blanks before quotes; names end with a dot."""
    lines, told = [], []
    for number, event in enumerate(found):
        first, names, kind, kinds = identities(event)
        old = number % 7 == 3
        if old:
            first, names = event.user or "Somebody", f"{event.user or 'Somebody'},ADSite,Network"
        row = [f"{_at(event):%Y-%m-%d %H:%M:%S}", first, names, event.source, "192.0.2.4"]
        row += ["Blocked" if event.blocked else "Allowed", "1 (A)", "NOERROR", event.host + ".", "Generative AI,Chat"]
        row += [] if old else [kind, kinds, "Generative AI" if event.blocked else ""]
        row += ["8822", "US,DE", "99"] if number % 5 == 0 and not old else []
        line = ",".join(f'"{cell}"' for cell in row)
        lines.append(line.replace('","', '", "', rng.randrange(4)))
        user = first if old else f"{event.user}@corp.example" if event.user else ""
        seen = replace(seconds(event), user=user).without(*_DNS_LACKS, "department")
        told.append(seen.without("device") if old else seen)
    return Sample("umbrella", "dns", "\n".join(lines).encode(), tuple(told))


def route53(found: Sequence[Event], rng: Random) -> Sample:
    """One object a line; the instance is the device; a rule of the DNS firewall may block."""
    lines, told = [], []
    for number, event in enumerate(found):
        record = {"version": "1.100000", "account_id": "111122223333", "region": "eu-central-1", "vpc_id": "vpc-1"}
        record |= {"query_timestamp": f"{_at(event):%Y-%m-%dT%H:%M:%SZ}", "query_name": event.host + "."}
        record |= {
            "query_type": "A",
            "query_class": "IN",
            "rcode": "NOERROR",
            "srcaddr": event.source,
            "srcport": "53211",
        }
        whole: dict[str, object] = {**record, "transport": "UDP", "answers": [{"Rdata": "203.0.113.9", "Type": "A"}]}
        if event.device:
            whole["srcids"] = {"instance": event.device}
        elif number % 2:
            whole["srcids"] = {"resolver_endpoint": "rslvr-in-1"}
        if event.blocked:
            whole |= {"firewall_rule_action": "BLOCK", "firewall_rule_group_id": "rslvr-frg-1"}
        lines.append(json.dumps(whole))
        told.append(seconds(event).without(*_DNS_LACKS, "user", "department"))
    return Sample("route53", "queries", "\n".join(lines).encode(), tuple(told))


def cloudflare_dns(found: Sequence[Event], rng: Random) -> Sample:
    """Gateway DNS."""
    lines, told = [], []
    for event in found:
        decision = "blockedByCategory" if event.blocked else rng.choice(("allowedOnNoPolicyMatch", "allowedRuleNS"))
        record = {"ColoCode": "ZRH", "Datetime": f"{_at(event):%Y-%m-%dT%H:%M:%SZ}", "DeviceName": event.device}
        record |= {"Email": event.user, "QueryName": event.host, "QueryTypeName": "A", "ResolverDecision": decision}
        lines.append(json.dumps(record | {"SrcIP": event.source, "SrcPort": 0, "MatchedCategoryNames": ["AI, chat"]}))
        told.append(seconds(event).without(*_DNS_LACKS, "department"))
    return Sample("cloudflare", "dns", "\n".join(lines).encode(), tuple(told))
