"""Logs of firewalls: PAN-OS traffic and URL filtering, FortiGate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random

from .events import AI, Event, Sample, seconds

__all__ = ["fortigate", "panos_traffic", "panos_url"]

WAYS = {"webfilter": ("blocked", "passthrough"), "app-ctrl": ("block", "pass"), "forward": ("deny", "close")}
EAST = timezone(timedelta(hours=2))
APPS = {"chatgpt.com": "openai-chatgpt", "claude.ai": "claude-base"}
# Where a host has no App-ID of its own, the session stays "ssl" to an address.
ADDRESSES = {host: f"203.0.113.{number}" for number, host in enumerate(AI, 10)}
FLAGS = "0x400053"
PLACE = "10.0.0.0-10.255.255.255"
LINKS = "{link_switches,eth1,1,2,0x4,up}"


def _at(event: Event, zone: timezone = UTC) -> datetime:
    return datetime.fromtimestamp(event.at // 1_000_000, zone) + timedelta(microseconds=event.at % 1_000_000)


def _csv(cells: Sequence[str], quoted: Sequence[int] = ()) -> str:
    """One line as firewalls write it: only some cells quoted, inner quotes doubled."""
    made = []
    for number, cell in enumerate(cells):
        needs = number in quoted or "," in cell or '"' in cell
        made.append('"' + cell.replace('"', '""') + '"' if needs else cell)
    return ",".join(made)


def _pan_head(event: Event, kind: str, subtype: str, zone: timezone) -> list[str]:
    at = f"{_at(event, zone):%Y/%m/%d %H:%M:%S}"
    user = f"corp\\{event.user}" if event.user else ""
    head = ["1", at, "012801064439", kind, subtype, "2817", at, event.source, ADDRESSES.get(event.host, "198.51.100.7")]
    head += ["198.51.100.1", "0.0.0.0", "Egress, users (all)", user, "", "ssl", "vsys1", "trust", "untrust"]
    return [
        *head,
        "ethernet1/1",
        "ethernet1/2",
        "default",
        at,
        "372121",
        "1",
        "53211",
        "443",
        "40001",
        "443",
        "0x400053",
    ]


def _syslog(rng: Random, line: str, event: Event) -> str:
    """A line alone, behind an RFC 3164 header, or behind an RFC 5424 header."""
    at = _at(event)
    return (
        line,
        f"<14>{at:%b %e %H:%M:%S} fw01.corp.example {line}",
        f"<14>1 {at:%Y-%m-%dT%H:%M:%S}.000Z fw01 logforwarder - panwlogs - {line}",
        f"{at:%b %e %H:%M:%S} fw01 {line}",
    )[rng.randrange(4)]


def panos_traffic(found: Sequence[Event], rng: Random) -> Sample:
    """TRAFFIC: no hostname, only an App-ID or an address; two firewalls, one of them two hours east and full width."""
    lines, told = [], []
    for number, event in enumerate(found):
        wide = number % 3 != 0
        cells = _pan_head(event, "TRAFFIC", "end", EAST if wide else UTC)
        cells[14] = APPS.get(event.host, "ssl")
        host = event.host if event.host in APPS else cells[8]
        cells += ["tcp", "deny" if event.blocked else "allow", str((event.up or 0) + (event.down or 0))]
        cells += [
            str(event.up),
            str(event.down),
            "41",
            cells[1],
            "16",
            "any",
            "",
            str(number),
            "0x0",
            "10.0.0.0-10.255.255.255",
        ]
        cells += ["United States", "", "22", "19", "tcp-fin", "0", "0", "0", "0", "", "fw01", "from-policy"]
        seen = seconds(replace(event, host=host, user=cells[12], device=""))
        if wide:
            cells += [""] * (69 - len(cells)) + [LINKS]
            cells += [""] * (82 - len(cells)) + [event.device]
            cells += [""] * (102 - len(cells)) + [_at(event, EAST).isoformat(timespec="milliseconds")]
            cells += [
                "",
                "",
                "ai-tools",
                "saas",
                "browser-based",
                "4",
                '"used-by-malware, pervasive"',
                "",
                "no",
                "no",
                "no",
            ]
            seen = seconds(replace(event, host=host, user=cells[12]), 1000)
        lines.append(_syslog(rng, _csv(cells, (11,)), event))
        told.append(seen.without("department", "agent", "path"))
    lines.append(
        "1,2026/11/16 09:00:00,012801064439,SYSTEM,general,0,2026/11/16 09:00:00,,general,,0,0,general,informational,ok"
    )
    return Sample("panos", "traffic", _text(lines, rng), tuple(told))


def panos_url(found: Sequence[Event], rng: Random) -> Sample:
    """THREAT of subtype url: the URL quoted and without a scheme; no bytes. Other threats stand between."""
    lines, told = [], []
    for number, event in enumerate(found):
        cells = _pan_head(event, "THREAT", "url", UTC)
        where = event.host + (":8443" if number % 5 == 0 else "") + event.path
        cells += ["tcp", rng.choice(("block-url", "block-override")) if event.blocked else "alert", where, "(9999)"]
        cells += [
            "artificial-intelligence",
            "informational",
            "client-to-server",
            str(number),
            "0x0",
            "10.0.0.0-10.255.255.255",
        ]
        cells += [
            "United States",
            "",
            "text/html",
            "0",
            "",
            "",
            "1",
            event.agent,
            "",
            "",
            "https://www.example.org/a,b",
        ]
        if number % 4:
            cells += [""] * (75 - len(cells)) + ["artificial-intelligence,low-risk"]
            cells += [""] * (86 - len(cells)) + [event.device, "02:00:5e:10:00:00"]
        seen = seconds(event if number % 4 else event.without("device"))
        told.append(replace(seen, user=cells[12]).without("department", "up", "down"))
        lines.append(_syslog(rng, _csv(cells, (31,)), event))
    virus = _pan_head(found[0], "THREAT", "virus", UTC)
    lines.append(_csv([*virus, "tcp", "drop", "eicar.com", "Eicar(100000)", "any", "medium", "server-to-client"]))
    return Sample("panos", "url", _text(lines, rng), tuple(told))


def fortigate(found: Sequence[Event], rng: Random) -> Sample:
    """key=value behind a syslog header or none: web filter, application control, traffic; eventtime in three units."""
    lines, told = [], []
    for number, event in enumerate(found):
        kind = ("webfilter", "app-ctrl", "forward")[number % 3]
        unit, many = (("ns", 1000), ("us", 1), ("s", 0), ("none", 0))[number % 4]
        eventtime = event.at // 1_000_000 if unit == "s" else event.at * many
        at = _at(event, EAST)
        parts = [f'date={at:%Y-%m-%d} time={at:%H:%M:%S} devname="FW-01" devid="FGT60E0000000001"']
        parts += [f"eventtime={eventtime}"] if unit != "none" else []
        parts += [
            'tz="+0200" logid="0317013312"',
            f'type="{"traffic" if kind == "forward" else "utm"}" subtype="{kind}"',
        ]
        parts += [f'level="notice" vd="root" policyid=1 sessionid={number} srcip={event.source} srcport=53211']
        parts += [f'dstip={ADDRESSES.get(event.host, "198.51.100.7")} dstport=443 proto=6 service="HTTPS"']
        parts += [f'user="{event.user}"'] if event.user else ['user="N/A"'] if number % 2 else []
        parts += [f'group="{event.department}"'] if event.department else []
        parts += [f'srcname="{event.device}"'] if event.device else []
        ways = {"webfilter": ("blocked", "passthrough"), "app-ctrl": ("block", "pass"), "forward": ("deny", "close")}[
            kind
        ]
        parts += [f'action="{ways[0] if event.blocked else ways[1]}"']
        seen = event if unit in ("ns", "us") else seconds(event)
        if kind == "forward":
            parts += [f'sentbyte={event.up} rcvdbyte={event.down} sentpkt=7 appcat="unscanned" hostname="{event.host}"']
        elif kind == "webfilter":
            parts += [
                f'hostname="{event.host}" profile="default" url="https://{event.host}{event.path}" sentbyte={event.up}'
            ]
            parts += [
                f'rcvdbyte={event.down} direction="outgoing" msg="URL said \\"no = yes\\" a=b" catdesc="AI, chat"'
            ]
        else:
            parts += [f'hostname="{event.host}" url="{event.path}" app="SSL_TLSv1.3" appcat="General.Interest"']
            seen = seen.without("up", "down")
        told.append(seen.without("agent"))
        line = " ".join(parts)
        header = (
            "",
            "<189>",
            f"{_at(event):%b %e %H:%M:%S} 10.0.0.1 ",
            f"<189>1 {_at(event):%Y-%m-%dT%H:%M:%SZ} fw01 - - - - ",
        )
        lines.append(header[rng.randrange(4)] + line)
    lines.append(
        'date=2026-11-16 time=09:00:00 logid="0100032001" type="event" subtype="system" level="notice" user="admin"'
    )
    return Sample("fortigate", "kv", _text(lines, rng), tuple(told))


def _text(lines: Sequence[str], rng: Random) -> bytes:
    return (rng.choice(("\n", "\r\n")).join(lines) + rng.choice(("", "\n"))).encode()
