"""Zeek's logs: ssl, dns and http, as TSV and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from .events import Event, Sample

__all__ = ["zeek_dns", "zeek_dns_json", "zeek_http", "zeek_http_json", "zeek_ssl", "zeek_ssl_json"]

_HEAD = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p"
_FIELDS = {
    "ssl": f"{_HEAD} version cipher curve server_name resumed last_alert next_protocol established ssl_history",
    "dns": f"{_HEAD} proto trans_id rtt query qclass qclass_name qtype qtype_name rcode rcode_name AA TC RD RA answers",
    "http": f"{_HEAD} trans_depth method host uri referrer version user_agent origin request_body_len response_body_len"
    " status_code status_msg info_code info_msg tags username password",
}
_LACKS = ("device", "department", "blocked")


def _record(kind: str, event: Event) -> dict[str, object]:
    made: dict[str, object] = {"ts": event.at / 1_000_000, "uid": "CHhAvVGS1DHFjwGM9", "id.orig_h": event.source}
    made |= {"id.orig_p": 53211, "id.resp_h": "203.0.113.9", "id.resp_p": 443}
    if kind == "ssl":
        return made | {"version": "TLSv13", "server_name": event.host, "resumed": False, "established": True}
    if kind == "dns":
        return made | {"proto": "udp", "query": event.host, "qclass": 1, "qtype_name": "A", "answers": ["203.0.113.9"]}
    made |= {"trans_depth": 1, "method": "POST", "host": event.host, "uri": event.path, "user_agent": event.agent}
    made |= {"request_body_len": event.up, "response_body_len": event.down, "status_code": 200}
    return made | ({"username": event.user} if event.user else {})


def _told(kind: str, event: Event) -> Event:
    if kind == "http":
        return event.without(*_LACKS)
    return event.without(*_LACKS, "user", "up", "down", "agent", "path")


def _tsv(kind: str, found: Sequence[Event], rng: Random) -> Sample:
    """TSV with its header; some fields in another order, since packages add theirs in the middle."""
    names = _FIELDS[kind].split()
    extra = rng.randrange(7, len(names))
    names.insert(extra, "ja4")
    lines = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{kind}"]
    lines += [
        "#open\t2026-11-16-08-00-00",
        "#fields\t" + "\t".join(names),
        "#types\t" + "\t".join(["string"] * len(names)),
    ]
    for event in found:
        record = _record(kind, event)
        cells = [record.get(name, "-") for name in names]
        cells[0] = f"{event.at // 1_000_000}.{event.at % 1_000_000:06}"
        lines.append("\t".join(_cell(cell) for cell in cells))
    lines.append("#close\t2026-11-19-08-00-00")
    return Sample("zeek", f"{kind}-tsv", "\n".join(lines).encode(), tuple(_told(kind, one) for one in found))


def _cell(cell: object) -> str:
    if isinstance(cell, list):
        return ",".join(cell)
    if isinstance(cell, bool):
        return "T" if cell else "F"
    return str(cell) or "(empty)"


def _json(kind: str, found: Sequence[Event], rng: Random) -> Sample:
    lines = [json.dumps(_record(kind, event)) for event in found]
    return Sample("zeek", f"{kind}-json", "\n".join(lines).encode(), tuple(_told(kind, one) for one in found))


def _writer(
    make: Callable[[str, Sequence[Event], Random], Sample], kind: str
) -> Callable[[Sequence[Event], Random], Sample]:
    return lambda found, rng: make(kind, found, rng)


zeek_ssl, zeek_dns, zeek_http = (_writer(_tsv, kind) for kind in ("ssl", "dns", "http"))
zeek_ssl_json, zeek_dns_json, zeek_http_json = (_writer(_json, kind) for kind in ("ssl", "dns", "http"))
