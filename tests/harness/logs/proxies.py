"""Logs of web proxies: Squid, Zscaler, Umbrella's proxy, Cloudflare Gateway, and the CSV that anyone may export."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from .events import Event, Sample, seconds

__all__ = [
    "anycsv",
    "cloudflare_http",
    "cloudflare_network",
    "squid",
    "squid_combined",
    "umbrella_proxy",
    "zscaler_csv",
    "zscaler_json",
    "zscaler_pairs",
]

DIRECTORY = "Lovelace, {0} ({0}@corp.example)"


def _at(event: Event) -> datetime:
    return datetime.fromtimestamp(event.at // 1_000_000, UTC)


def squid(found: Sequence[Event], rng: Random) -> Sample:
    """Native: CONNECT to host:port, or a whole URL; runs of spaces; a line of a request that had no URL."""
    lines, told = [], []
    for event in found:
        blocked = "TCP_DENIED/403" if event.blocked else "TCP_TUNNEL/200"
        where = f"CONNECT {event.host}:443" if rng.random() < 0.7 else f"GET http://{event.host}{event.path}"
        stamp = f"{event.at // 1_000_000}.{event.at // 1000 % 1000:03}"
        lines.append(
            f"{stamp} {rng.randrange(1, 90_000):6} {event.source} {blocked} {event.down} {where}"
            f" {event.user or '-'} HIER_DIRECT/203.0.113.9 -"
        )
        told.append(seconds(event, 1000).without("device", "department", "agent", "up"))
    lines.append(
        "1794830000.001      0 10.0.0.9 NONE_NONE/000 0 - error:transaction-end-before-headers - HIER_NONE/- -"
    )
    return Sample("squid", "native", ("\n".join(lines) + "\n").encode(), tuple(told), 1)


def squid_combined(found: Sequence[Event], rng: Random) -> Sample:
    """Squid's combined form, with referer and agent."""
    lines, told = [], []
    for event in found:
        code = "TCP_DENIED:HIER_NONE" if event.blocked else "TCP_TUNNEL:HIER_DIRECT"
        lines.append(
            f'{event.source} - {event.user or "-"} [{_at(event):%d/%b/%Y:%H:%M:%S} +0000] "CONNECT {event.host}:443'
            f' HTTP/1.1" {403 if event.blocked else 200} {event.down} "-" "{event.agent}" {code}'
        )
        told.append(seconds(event).without("device", "department", "up", "path"))
    return Sample("squid", "combined", "\n".join(lines).encode(), tuple(told))


def _zscaler(event: Event) -> dict[str, str]:
    """One record of the default feed, in its order. Unknown users are called by their location."""
    at = f"{_at(event):%a %b %e %H:%M:%S %Y}"
    made = {"time": at, "login": event.user or "HQ Zürich", "proto": "HTTPS", "eurl": event.host + event.path}
    made |= {"action": "Blocked" if event.blocked else "Allowed", "appname": "AI, General", "appclass": "AI & ML"}
    made |= {"reqsize": str(event.up), "respsize": str(event.down), "stime": "0", "ctime": "0"}
    made |= {"urlclass": "Business Use", "urlsupercat": "Information Technology", "urlcat": "AI", "malwarecat": "None"}
    made |= {"threatname": "None", "riskscore": "0", "dlpeng": "None", "dlpdict": "None", "location": "HQ Zürich"}
    made |= {"dept": event.department or "Default Department", "cip": event.source, "sip": "203.0.113.9"}
    made |= {"reqmethod": "POST", "respcode": "200", "ua": event.agent, "ereferer": "None", "ruletype": "None"}
    made |= {"rulelabel": "None", "contenttype": "Other", "unscannabletype": "None", "deviceowner": "administrator1"}
    return made | {"devicehostname": event.device or "NA", "keyprotectiontype": "N/A"}


def zscaler_json(found: Sequence[Event], rng: Random) -> Sample:
    """The JSON feed: numbers as strings, eurl without a scheme."""
    lines = [json.dumps({"sourcetype": "zscalernss-web", "event": _zscaler(one)}, ensure_ascii=False) for one in found]
    return Sample("zscaler", "json", "\n".join(lines).encode(), tuple(map(seconds, found)))


def zscaler_csv(found: Sequence[Event], rng: Random) -> Sample:
    """The default feed: every field quoted."""
    return Sample(
        "zscaler", "csv", _quoted([list(_zscaler(one).values()) for one in found]), tuple(map(seconds, found))
    )


def zscaler_pairs(found: Sequence[Event], rng: Random) -> Sample:
    """The feed for SIEMs: key=value between tabs."""
    lines = []
    for event in found:
        z = _zscaler(event)
        pairs = {"reason": z["action"], "event_id": "6832", "protocol": "HTTPS", "action": z["action"]}
        pairs |= {"transactionsize": "1", "responsesize": z["respsize"], "requestsize": z["reqsize"]}
        pairs |= {"urlcategory": "AI", "serverip": z["sip"], "requestmethod": "POST", "refererURL": "None"}
        pairs |= {"useragent": z["ua"], "product": "NSS", "location": z["location"], "ClientIP": z["cip"]}
        pairs |= {"status": "200", "user": z["login"], "url": z["eurl"], "vendor": "Zscaler", "hostname": event.host}
        pairs |= {"clientpublicIP": "192.0.2.4", "department": z["dept"], "devicehostname": z["devicehostname"]}
        told = "\t".join(f"{name}={value}" for name, value in pairs.items())
        lines.append(f"{_at(event):%Y-%m-%d %H:%M:%S}\t{told}")
    return Sample("zscaler", "pairs", "\r\n".join(lines).encode(), tuple(map(seconds, found)))


def identities(event: Event) -> tuple[str, str, str, str]:
    """Umbrella's four columns of who it was: the first identity, all, the first one's type, all types."""
    if not event.user:
        return "Office, North", "Office, North,Default Site", "Networks", "Networks,Sites"
    person = DIRECTORY.format(event.user)
    return person, f"{person},{event.device}", "AD Users", "AD Users,Anyconnect Roaming Client"


def umbrella_proxy(found: Sequence[Event], rng: Random) -> Sample:
    """The web log: 35 columns in rows of today, fewer in older ones, blanks before some quotes."""
    lines, told = [], []
    for event in found:
        first, names, kind, kinds = identities(event)
        row = [f"{_at(event):%Y-%m-%d %H:%M:%S}", first, event.source, "192.0.2.4", "203.0.113.9", "text/html"]
        row += ["BLOCKED" if event.blocked else "ALLOWED", f"https://{event.host}{event.path}", "", event.agent, "200"]
        row += [
            str(event.up),
            str(event.down),
            "",
            "",
            "Generative AI,Application",
            "",
            "",
            "",
            "",
            "",
            kind,
            "",
            names,
        ]
        row += [kinds, "POST", "", "", "the.js", "", "", "", "isolated", "downloaded_original_file", "warn-session"]
        row = row[: rng.choice((26, 32, 35))]
        lines.append(_blanks(_quoted([row]).decode(), rng))
        user = f"{event.user}@corp.example" if event.user else ""
        told.append(replace(seconds(event), user=user).without("department"))
    return Sample("umbrella", "proxy", "".join(lines).encode(), tuple(told))


def cloudflare_http(found: Sequence[Event], rng: Random) -> Sample:
    """Gateway HTTP: times as text, in seconds or in ns; the host may stand in the URL alone."""
    lines, told = [], []
    for number, event in enumerate(found):
        at = (f"{_at(event):%Y-%m-%dT%H:%M:%SZ}", str(event.at // 1_000_000), event.at // 1_000_000 * 10**9)[number % 3]
        record = {"AccountID": "e18", "Action": "block" if event.blocked else "allow", "Datetime": at}
        record |= {"DestinationIP": "203.0.113.9", "DestinationPort": 443, "DeviceName": event.device}
        record |= {"Email": event.user, "HTTPHost": event.host, "HTTPMethod": "POST", "HTTPStatusCode": 200}
        record |= {"SourceInternalIP": event.source if number % 2 else "", "SourceIP": event.source}
        record |= {"URL": f"https://{event.host}{event.path}", "UserAgent": event.agent, "UploadedFileNames": ["a,b"]}
        lines.append(json.dumps(record, ensure_ascii=number % 2 == 0))
        told.append(seconds(event).without("department", "up", "down"))
    return Sample("cloudflare", "http", "\n".join(lines).encode(), tuple(told))


def cloudflare_network(found: Sequence[Event], rng: Random) -> Sample:
    """Gateway network: the host is the SNI, or an address where there was none."""
    lines, told = [], []
    for number, event in enumerate(found):
        host = event.host if number % 6 else "203.0.113.9"
        record = {"Action": "block" if event.blocked else "forward", "Datetime": f"{_at(event):%Y-%m-%dT%H:%M:%SZ}"}
        record |= {"DestinationIP": "203.0.113.9", "DestinationPort": 443, "DeviceName": event.device}
        record |= {
            "Email": event.user,
            "SNI": event.host if number % 6 else "",
            "SessionID": "5f2d",
            "Transport": "tcp",
        }
        lines.append(json.dumps(record | {"SourceIP": event.source}))
        told.append(replace(seconds(event), host=host).without("department", "up", "down", "agent", "path"))
    return Sample("cloudflare", "network", "\n".join(lines).encode(), tuple(told))


def anycsv(found: Sequence[Event], rng: Random) -> Sample:
    """A CSV with a header of plain words."""
    rows = [["time", "user", "host", "bytes_up", "bytes_down", "action", "department", "device", "src_ip"]]
    for event in found:
        row = [_at(event).isoformat(), event.user, event.host, str(event.up), str(event.down)]
        row += ["blocked" if event.blocked else "allowed", event.department, event.device, event.source]
        rows.append(row)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return Sample(
        "csv", "header", out.getvalue().encode(), tuple(seconds(one).without("agent", "path") for one in found)
    )


def _quoted(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _blanks(line: str, rng: Random) -> str:
    """Umbrella puts a stray blank before some quotes."""
    return line.replace('","', '", "', rng.randrange(4))
