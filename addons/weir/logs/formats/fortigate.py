"""FortiGate's key=value lines: web filter, application control, forwarded traffic."""

from __future__ import annotations

import re

from weir.logs.appids import FORTI_APPS
from weir.logs.format import Format, Sample, Source
from weir.logs.sql import count, epoch, quote, stamp

__all__ = ["FORMAT"]

_LINE = re.compile(r"(?:^|.{0,512}?[ >])(?:date=\d{4}-\d\d-\d\d time=|logver=|eventtime=\d)")
_KEYS = re.compile(r'(?:^|[ >])(?:devid|logid|vd|subtype|type)="?[\w-]')
_PAIR = r'[A-Za-z_][A-Za-z0-9_]*=(?:"(?:[^"\\]|\\.)*"|[^ ]*)'
# Each quote opens right behind a "=", and closes before a blank or the end.
_NEAT = r'[^"]*(?:="(?:[^"\\]|\\.)*" [^"]*)*(?:="(?:[^"\\]|\\.)*")?'
# What is read, and whether blanks may stand in it: putting them back takes time.
_NAMES = {
    **dict.fromkeys(
        ("date", "time", "tz", "eventtime", "type", "hostname", "dstname", "qname", "srcip", "dstip", "sessionid"),
        False,
    ),
    **dict.fromkeys(("action", "utmaction", "sentbyte", "rcvdbyte"), False),
    **dict.fromkeys(("url", "app", "srcname", "user", "unauthuser", "group", "agent"), True),
}
_TYPE = '(?:^|[ >])type="?(?:traffic|utm|dns|webfilter|app-ctrl)[" ]'
_SUBTYPE = '(?:^|[ >])subtype="?(?:forward|sniffer|ztna|webfilter|app-ctrl|dns|ssl)[" ]'


def _looks(sample: Sample) -> float:
    lines = sample.filled
    return sum(bool(_LINE.match(line)) and bool(_KEYS.search(line)) for line in lines) / len(lines) if lines else 0.0


def _field(name: str, blanks: bool) -> str:
    """The first ``name=``; "N/A" is FortiGate's nobody. Values are taken whole, so that none can hold a further key."""
    value = f"substr(words[list_position(names, {quote(name)})], {len(name) + 2})"
    value = f"replace(replace({value}, chr(31), ' '), chr(30), '\\\\')" if blanks else value
    return f"nullif(nullif(nullif({value}, ''), 'N/A'), 'n/a') AS f_{name}"


def _words() -> str:
    """A line → ``key=value key=value`` without quotes; blanks in values are chr(31), two backslashes chr(30).

    In a line whose quotes all stand where FortiGate sets them, every second piece between quotes is a value; the
    pattern for pairs, which takes the other lines, is five times as slow.
    """
    text = "replace(replace(text, chr(31), ' '), '\\\\', chr(30))"
    pieces = f"string_split(replace({text}, '\\\"', chr(39)), '\"')"
    # A header of syslog may end right before the first key.
    piece = "CASE WHEN i % 2 = 0 THEN replace(p, ' ', chr(31)) WHEN i = 1 THEN replace(p, '>', ' ') ELSE p END"
    neat = f"array_to_string(list_transform({pieces}, lambda p, i: {piece}), '')"
    pair = "replace(replace(p, '\"', ''), ' ', chr(31))"
    other = f"array_to_string(list_transform(regexp_extract_all({text}, {quote(_PAIR)}), lambda p: {pair}), ' ')"
    return f"CASE WHEN regexp_full_match(text, {quote(_NEAT)}) THEN {neat} ELSE {other} END"


def _sql(source: Source) -> str:
    apps = " ".join(
        f"WHEN f_app = {quote(app)} OR starts_with(f_app, {quote(app + '.')}) OR starts_with(f_app, {quote(app + '_')})"
        f" THEN {quote(host)}"
        for app, host in FORTI_APPS.items()
    )
    # A URL with its host, or a path alone, which says nothing of where.
    url = "CASE WHEN contains(f_url, '://') THEN f_url END"
    local = "f_date || ' ' || f_time || coalesce(f_tz, '')"
    denied = "('blocked', 'block', 'deny', 'dropped', 'drop', 'reset', 'redirect', 'reset_client', 'reset_server')"
    # The web filter and application control tell what the session's own line tells once more, with its bytes so far.
    counted = "f_type = 'utm' AND bool_or(f_type = 'traffic') OVER (PARTITION BY f_sessionid, source, lower(host))"
    return (
        f"SELECT * FROM (SELECT *, f_sessionid <> '' AND {counted} AS twice FROM ("
        f"SELECT line, f_sessionid, f_type,"
        f" coalesce({epoch('f_eventtime')}, {stamp(local, '%Y-%m-%d %H:%M:%S%z', '%Y-%m-%d %H:%M:%S')}) AS ts,"
        f" coalesce(f_hostname, f_qname, f_dstname, {url}, CASE {apps} END, f_dstip) AS host,"
        " f_url AS path, f_srcip AS source, coalesce(f_user, f_unauthuser) AS user,"
        " f_srcname AS device, f_group AS department, f_agent AS agent,"
        f" {count('f_sentbyte')} AS bytes_up, {count('f_rcvdbyte')} AS bytes_down,"
        f" CASE WHEN f_action IN {denied} OR f_utmaction IN ('block', 'blocked', 'reset') THEN 'blocked'"
        " ELSE 'allowed' END AS action,"
        " CASE WHEN f_type IS NULL THEN 'no key=value line of FortiGate' END AS bad"
        f" FROM (SELECT line, {', '.join(_field(*each) for each in _NAMES.items())}"
        " FROM (SELECT line, words, list_transform(words, lambda word: split_part(word, '=', 1)) AS names"
        f" FROM (SELECT line, string_split({_words()}, ' ') AS words"
        " FROM lines WHERE NOT regexp_matches(text, '(?:^|[ >])type=')"
        f" OR (regexp_matches(text, {quote(_TYPE)}) AND regexp_matches(text, {quote(_SUBTYPE)})))))))"
        " WHERE twice IS NOT true"
    )


FORMAT = Format("fortigate", "FortiGate logs (key=value, syslog)", _looks, _sql)
