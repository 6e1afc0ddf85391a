"""Query logs of name servers: BIND, dnsmasq (and Pi-hole), Unbound; with or without syslog's header."""

from __future__ import annotations

import re

from weir.logs.format import Format, Sample, Source
from weir.logs.sql import epoch, quote, stamp

__all__ = ["FORMAT"]

_BIND = r"client (?:@0x[0-9a-fA-F]+ )?([0-9a-fA-F.:%]+)#\d+ \([^)]*\): (?:view [^:]+: )?query: (\S+) [A-Z]+ \S+"
_DNSMASQ = r"dnsmasq\[\d+\]: (?:\d+ \S+ )?query\[[^\]]+\] (\S+) from ([0-9a-fA-F.:%]+)"
_UNBOUND = (
    r"unbound\S*:? ?(?:\[[\d:a-f]+\]:? )?info: (?:query: |reply: )?([0-9a-fA-F.:]+) (\S+) [A-Z0-9]+ (?:IN|CH|HS|ANY)\b"
)
_NAMED = r"queries: info:|named\[\d+\]:.* query: "
_KINDS = {"bind": re.compile(_BIND), "dnsmasq": re.compile(_DNSMASQ), "unbound": re.compile(_UNBOUND)}
_OWN = {
    "bind": re.compile(_NAMED),
    "dnsmasq": re.compile(r"dnsmasq(?:-dhcp)?\[\d+\]: "),
    "unbound": re.compile(r"unbound\S*[:\[]"),
}
_BLOCKED = r"(?:gravity|exactly|regex|special domain) (?:blocked|denied)"


def _looks(sample: Sample) -> float:
    lines = sample.filled
    if not lines:
        return 0.0
    kind = _kind(sample)
    if not any(_KINDS[kind].search(line) for line in lines):
        return 0.0
    return sum(bool(_OWN[kind].search(line) or _KINDS[kind].search(line)) for line in lines) / len(lines)


def _kind(sample: Sample) -> str:
    return max(_KINDS, key=lambda kind: sum(bool(_KINDS[kind].search(line)) for line in sample.filled))


def _sql(source: Source) -> str:
    kind = _kind(source.sample)
    return {"bind": _bind, "dnsmasq": _dnsmasq, "unbound": _unbound}[kind](source.sample)


def _bind(sample: Sample) -> str:
    return (
        f"SELECT line, f.source AS source, f.host AS host, {_time('text', 'd')} AS ts,"
        " CASE WHEN f.host = '' THEN 'not a query of BIND''s' END AS bad"
        f" FROM (SELECT line, text, regexp_extract(text, {quote(_BIND)}, ['source', 'host']) AS f FROM lines)"
    )


def _dnsmasq(sample: Sample) -> str:
    # A query that is refused has the refusal on the next line about that name, mostly the very next.
    refused = f"regexp_matches(coalesce(later, ''), {quote(_BLOCKED)}) AND contains(later, ' ' || f.host || ' ')"
    query = f"regexp_extract(text, {quote(_DNSMASQ)}, ['host', 'source'])"
    return (
        f"SELECT line, f.source AS source, f.host AS host, {_time('text', 'b')} AS ts,"
        f" CASE WHEN {refused} THEN 'blocked' ELSE 'allowed' END AS action,"
        " CASE WHEN f.host = '' THEN 'not a line of dnsmasq''s' END AS bad"
        f" FROM (SELECT line, text, {query} AS f, lead(text) OVER (ORDER BY line) AS later FROM lines)"
        r" WHERE f.host <> '' OR NOT regexp_matches(text, 'dnsmasq(?:-[a-z]+)?\[[0-9]+\]: ')"
    )


def _unbound(sample: Sample) -> str:
    # Where both are logged, a reply is a query told twice.
    asked = any(_KINDS["unbound"].search(line) and " reply: " not in line for line in sample.filled)
    where = "NOT contains(text, ' info: reply: ')" if asked else "true"
    return (
        f"SELECT line, f.source AS source, f.host AS host, {_time('text', 'u')} AS ts,"
        " CASE WHEN f.host = '' THEN 'not a line of Unbound''s' END AS bad"
        f" FROM (SELECT line, text, regexp_extract(text, {quote(_UNBOUND)}, ['source', 'host']) AS f FROM lines)"
        rf" WHERE {where} AND (f.host <> ''"
        r" OR NOT regexp_matches(text, 'unbound[^ ]*:? ?(\[[0-9:a-f]+\]:? )?[a-z]+: '))"
    )


def _time(text: str, kind: str) -> str:
    """The time at a line's beginning: BIND's own, Unbound's [epoch], ISO 8601, or syslog's, which names no year."""
    bind = f"regexp_extract({text}, '^[0-9]{{1,2}}-[A-Z][a-z]{{2}}-[0-9]{{4}} [0-9:]{{8}}')"
    unbound = f"regexp_extract({text}, '^\\[([0-9]{{9,10}})\\]', 1)"
    iso = f"regexp_extract({text}, '^(?:<[0-9]+>1? ?)?([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T\\S+)', 1)"
    short = f"regexp_extract({text}, '^(?:<[0-9]+>)?([A-Z][a-z]{{2}} +[0-9]{{1,2}} [0-9:]{{8}})', 1)"
    now = "current_timestamp::TIMESTAMP"
    dated = f"zoned('', try_strptime(year({now}) || ' ' || {short}, '%Y %b %d %H:%M:%S'))"
    # It is of this year, unless that would be tomorrow or later.
    near = f"CASE WHEN {dated} > {now} + INTERVAL 1 DAY THEN {dated} - INTERVAL 1 YEAR ELSE {dated} END"
    own = {"d": f"zoned('', try_strptime({bind}, '%d-%b-%Y %H:%M:%S'))", "u": epoch(unbound), "b": "NULL"}[kind]
    return f"coalesce({own}, {stamp(iso)}, {near})"


FORMAT = Format("dns", "query logs of BIND, dnsmasq, Pi-hole or Unbound", _looks, _sql)
