"""FortiGate's key=value lines: web filter, application control, forwarded traffic."""

from __future__ import annotations

import re
from collections.abc import Mapping

from weir.logs.appids import FORTI_APPS
from weir.logs.format import Format, Sample, Source
from weir.logs.sql import count, epoch, quote, stamp

__all__ = ["FORMAT"]

_LINE = re.compile(r"(?:^|.{0,512}?[ >])(?:date=\d{4}-\d\d-\d\d time=|logver=|eventtime=\d)")
_KEYS = re.compile(r'(?:^|[ >])(?:devid|logid|vd|subtype|type)="?[\w-]')
_PAIR = r'([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|[^ ]*)'
_TYPE = '(?:^|[ >])type="?(?:traffic|utm|dns|webfilter|app-ctrl)[" ]'
_SUBTYPE = '(?:^|[ >])subtype="?(?:forward|sniffer|ztna|webfilter|app-ctrl|dns|ssl)[" ]'


def _looks(sample: Sample) -> float:
    lines = sample.filled
    return sum(bool(_LINE.match(line)) and bool(_KEYS.search(line)) for line in lines) / len(lines) if lines else 0.0


def _field(name: str) -> str:
    """The first ``name=``; "N/A" is FortiGate's nobody. Values are taken whole, so that none can hold a further key."""
    value = f"trim(f.v[list_position(f.n, {quote(name)})], '\"')"
    return f"(CASE WHEN {value} NOT IN ('', 'N/A', 'n/a') THEN {value} END)"


def _sql(source: Source) -> str:
    named: Mapping[str, str] = {
        name: _field(name)
        for name in [
            "date",
            "time",
            "tz",
            "eventtime",
            "type",
            "subtype",
            "hostname",
            "dstname",
            "qname",
            "url",
            "app",
            "srcip",
            "srcname",
            "user",
            "unauthuser",
            "group",
            "action",
            "utmaction",
            "sentbyte",
            "rcvdbyte",
            "agent",
            "dstip",
            "srcmac",
            "dstport",
        ]
    }
    n = named
    apps = " ".join(
        f"WHEN regexp_matches({n['app']}, {quote('^' + re.escape(app) + '([._]|$)')}) THEN {quote(host)}"
        for app, host in FORTI_APPS.items()
    )
    # A URL with its host, or a path alone, which says nothing of where.
    url = f"CASE WHEN contains({n['url']}, '://') THEN {n['url']} END"
    local = f"{n['date']} || ' ' || {n['time']} || coalesce({n['tz']}, '+0000')"
    denied = "('blocked', 'block', 'deny', 'dropped', 'drop', 'reset', 'redirect', 'reset_client', 'reset_server')"
    parts = f"{{'n': regexp_extract_all(text, {quote(_PAIR)}, 1), 'v': regexp_extract_all(text, {quote(_PAIR)}, 2)}}"
    return (
        f"SELECT line, coalesce({epoch(n['eventtime'])}, {stamp(local, '%Y-%m-%d %H:%M:%S%z')}) AS ts,"
        f" coalesce({n['hostname']}, {n['qname']}, {n['dstname']}, {url}, CASE {apps} END, {n['dstip']}) AS host,"
        f" {n['url']} AS path, {n['srcip']} AS source, coalesce({n['user']}, {n['unauthuser']}) AS user,"
        f" {n['srcname']} AS device, {n['group']} AS department, {n['agent']} AS agent,"
        f" {count(n['sentbyte'])} AS bytes_up, {count(n['rcvdbyte'])} AS bytes_down,"
        f" CASE WHEN {n['action']} IN {denied} OR {n['utmaction']} IN ('block', 'blocked', 'reset') THEN 'blocked'"
        f" ELSE 'allowed' END AS action,"
        f" CASE WHEN {n['type']} IS NULL THEN 'no key=value line of FortiGate' END AS bad"
        f" FROM (SELECT line, {parts} AS f FROM lines WHERE NOT regexp_matches(text, '(?:^|[ >])type=')"
        f" OR (regexp_matches(text, {quote(_TYPE)}) AND regexp_matches(text, {quote(_SUBTYPE)})))"
    )


FORMAT = Format("fortigate", "FortiGate logs (key=value, syslog)", _looks, _sql)
