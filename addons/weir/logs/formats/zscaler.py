"""Zscaler Internet Access by NSS: web logs as JSON, as the default CSV feed, or as tab-separated key=value."""

from __future__ import annotations

import json
import re

from weir.logs.format import Format, Sample, Source
from weir.logs.sql import count, delimited, epoch, json_fields, quote, share, stamp

__all__ = ["FORMAT"]

_DAY = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
# The order of the default feed; a longer or shorter one begins alike.
_CSV = re.compile(rf'(?:.{{0,256}}?[ >])?"{_DAY}","[^"]*","[A-Z_/0-9a-z]+","[^"]*","(?:Allowed|Blocked)[^"]*",')
_PAIRS = re.compile(r".{0,256}?\breason=[^\t]*\t.{0,2048}\b(?:product=NSS|vendor=Zscaler)\b")
_MARKS = frozenset(("eurl", "url", "hostname", "ehost", "host"))
_OWN = frozenset(
    ("login", "reqsize", "respsize", "urlsupercat", "rulelabel", "dept", "cip", "devicehostname", "appclass")
)
_CSV_FIELDS = {"time": 1, "login": 2, "eurl": 4, "action": 5, "up": 8, "down": 9, "location": 20, "dept": 21, "cip": 22}
_CSV_FIELDS |= {"ua": 26, "device": 33}
_JSON_FIELDS = [
    "time",
    "datetime",
    "epochtime",
    "login",
    "user",
    "eurl",
    "url",
    "ehost",
    "hostname",
    "host",
    "action",
    "reqsize",
    "requestsize",
    "respsize",
    "responsesize",
    "location",
    "dept",
    "department",
    "cip",
    "ClientIP",
    "ua",
    "useragent",
    "devicehostname",
    "tz",
]
_PAIR_FIELDS = [
    "action",
    "url",
    "hostname",
    "user",
    "department",
    "location",
    "ClientIP",
    "useragent",
    "requestsize",
    "responsesize",
    "devicehostname",
]
_FORMS = ("%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S")
_ZONES = "('UTC', 'GMT', 'CET', 'EET', 'WET', 'EST', 'MST', 'PST', 'HST', 'JST')"
# What Zscaler writes where it knows nothing.
_NOTHING = "('', 'None', 'NA', 'N/A', 'Unknown', 'Default Department', 'unknown')"


def _looks(sample: Sample) -> float:
    return max(_shares(sample), default=0.0)


def _shares(sample: Sample) -> tuple[float, ...]:
    """How much of the sample is JSON, CSV, pairs."""
    lines = sample.filled
    if not lines:
        return (0.0, 0.0, 0.0)
    many = len(lines)
    return (
        sum(_is_json(line) for line in lines) / many,
        sum(bool(_CSV.match(line)) for line in lines) / many,
        sum(bool(_PAIRS.match(line)) for line in lines) / many,
    )


def _is_json(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        held = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(held, dict):
        return False
    inner = held.get("event", held)
    is_named = str(held.get("sourcetype", "")).startswith("zscalernss")
    return isinstance(inner, dict) and bool(inner.keys() & _MARKS) and (is_named or len(inner.keys() & _OWN) > 2)


def _sql(source: Source) -> str:
    by_json, by_csv, by_pairs = _shares(source.sample)
    if by_json >= max(by_csv, by_pairs):
        return _json()
    return _csv() if by_csv >= by_pairs else _pairs()


def _known(value: str) -> str:
    return f"(CASE WHEN trim({value}) NOT IN {_NOTHING} THEN trim({value}) END)"


def _select(at: str, url: str, host: str, user: str, location: str, rest: str, agent: str, bad: str) -> str:
    """``user``: a client that didn't log in is called by its location."""
    return (
        f"line, {at} AS ts, {_known(url)} AS url, {_known(host)} AS host, {_known(agent)} AS agent,"
        f" CASE WHEN {user} IS DISTINCT FROM {location} THEN {_known(user)} END AS user, {rest}, {bad} AS bad"
    )


def _action(value: str) -> str:
    return f"CASE WHEN starts_with(lower({value}), 'block') THEN 'blocked' ELSE 'allowed' END AS action"


def _json() -> str:
    place = {name: number for number, name in enumerate(_JSON_FIELDS)}
    many = len(_JSON_FIELDS)
    # The feed's fields stand below "event" or at the top.
    field = {name: f"coalesce(f[{at + 1}], f[{at + 1 + many}])" for name, at in place.items()}

    def first(*names: str) -> str:
        return f"coalesce({', '.join(field[name] for name in names)})"

    said = first("time", "datetime")
    # Abbreviations mean several places (IST, CST): those are left to --timezone.
    is_zone = f"{field['tz']} IN (SELECT name FROM pg_timezone_names() WHERE contains(name, '/') OR name IN {_ZONES})"
    there = f"timezone('UTC', timezone({field['tz']}, {stamp(said, *_FORMS, local=False)}))"
    at = f"coalesce({epoch(field['epochtime'])}, CASE WHEN {is_zone} THEN {there} END, {stamp(said, *_FORMS)})"
    rest = (
        f"{_known(first('dept', 'department'))} AS department, {_known(first('cip', 'ClientIP'))} AS source,"
        f" {_known(field['devicehostname'])} AS device, {_action(field['action'])},"
        f" {count(first('reqsize', 'requestsize'))} AS bytes_up,"
        f" {count(first('respsize', 'responsesize'))} AS bytes_down"
    )
    url, host = first("eurl", "url"), first("ehost", "hostname", "host")
    bad = f"CASE WHEN {url} IS NULL AND {host} IS NULL THEN 'no JSON object of a web log' END"
    select = _select(at, url, host, first("login", "user"), field["location"], rest, first("ua", "useragent"), bad)
    paths = [f"$.event.{name}" for name in _JSON_FIELDS] + [f"$.{name}" for name in _JSON_FIELDS]
    return share(select, json_fields("text", paths))


def _csv() -> str:
    field = {name: f"f[{place}]" for name, place in _CSV_FIELDS.items()}
    rest = (
        f"{_known(field['dept'])} AS department, {_known(field['cip'])} AS source, {_known(field['device'])} AS device,"
        f" {_action(field['action'])}, {count(field['up'])} AS bytes_up, {count(field['down'])} AS bytes_down"
    )
    bad = "CASE WHEN len(f) < 9 THEN 'fewer than 9 fields' END"
    at = stamp(field["time"], *_FORMS)
    select = _select(at, field["eurl"], "NULL", field["login"], field["location"], rest, field["ua"], bad)
    # Whatever stands before the first quote is syslog's.
    return share(select, delimited("substr(text, greatest(1, position('\"' IN text)))"))


def _pairs() -> str:
    field = {name: f"regexp_extract(text, {quote(f'(?:^|[\t ]){name}=([^\t]*)')}, 1)" for name in _PAIR_FIELDS}
    rest = (
        f"{_known(field['department'])} AS department, {_known(field['ClientIP'])} AS source,"
        f" {_known(field['devicehostname'])} AS device, {_action(field['action'])},"
        f" {count(field['requestsize'])} AS bytes_up, {count(field['responsesize'])} AS bytes_down"
    )
    at = stamp(r"regexp_extract(text, '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d')", *_FORMS)
    bad = "CASE WHEN NOT contains(text, 'action=') THEN 'no key=value line of a web log' END"
    select = _select(
        at, field["url"], field["hostname"], field["user"], field["location"], rest, field["useragent"], bad
    )
    return f"SELECT {select} FROM lines"


FORMAT = Format("zscaler", "Zscaler NSS web logs (JSON, CSV or key=value)", _looks, _sql)
