"""Squid's access.log: the native form (ten fields) and the combined one (that of web servers)."""

from __future__ import annotations

import re

from weir.logs.format import Format, Sample, Source
from weir.logs.sql import count, epoch, quote, share, spaced, stamp

__all__ = ["FORMAT"]

_NATIVE = re.compile(
    r"(?:\s*|.{1,256}?[\]:)-] +)\d{9,10}(\.\d{1,6})?\s+-?\d+\s+\S+\s+[A-Z_]+/\d{3}\s+-?\d+\s+\S+\s+\S+\s+\S+"
)
_COMBINED = re.compile(
    r'\S+ \S+ .{1,256}? \[\d\d/[A-Z][a-z]{2}/\d{4}:[\d:]{8} [+-]\d{4}\] "[A-Z]+ \S+ [^"]*" \d{3} [\d-]'
)
# Squid has code:hierarchy after the combined fields; a web server's own log hasn't, and names no host either.
_SQUID_TAIL = re.compile(r" [A-Z_]+:[A-Z_]+$")
_DENIED = "contains({0}, '_DENIED')"


def _looks(sample: Sample) -> float:
    lines = sample.filled
    if not lines:
        return 0.0
    native = sum(bool(_NATIVE.match(line)) for line in lines)
    combined = sum(bool(_COMBINED.match(line)) and bool(_SQUID_TAIL.search(line)) for line in lines)
    return max(native, combined) / len(lines)


def _sql(source: Source) -> str:
    lines = source.sample.filled
    native = sum(bool(_NATIVE.match(line)) for line in lines)
    if native * 2 >= sum(bool(_COMBINED.match(line)) for line in lines):
        return _native(any(not line[:1].isspace() and not line[:1].isdigit() for line in lines if _NATIVE.match(line)))
    return _combined()


def _native(by_syslog: bool) -> str:
    # time elapsed client code/status bytes method URL user hierarchy/peer type
    denied = _DENIED.format("f[4]")
    rows = share(
        f"line, {epoch('f[1]')} AS ts, f[3] AS source, {count('f[5]')} AS bytes_down,"
        # Squid writes error:… where a request had no URL.
        f" CASE WHEN NOT starts_with(f[7], 'error:') THEN f[7] END AS url, {_named('f[8]')} AS user,"
        f" CASE WHEN {denied} THEN 'blocked' ELSE 'allowed' END AS action,"
        f" CASE WHEN len(f) < 8 THEN 'fewer than 8 fields'"
        f" WHEN NOT contains(f[4], '/') THEN 'no result code in field 4' END AS bad",
        # What syslog puts before the line ends before the time.
        spaced(
            r"coalesce(nullif(regexp_extract(text, '[0-9]{9,10}\.[0-9]{1,6} +-?[0-9]+ .*'), ''), text)"
            if by_syslog
            else "text"
        ),
    )
    # Squid asks who is there: the client comes again with its name, and that is the request.
    return f"{rows} WHERE f[4] IS NULL OR NOT ends_with(f[4], '_DENIED/407')"


def _named(user: str) -> str:
    """A user's name with what Squid escapes in names put back: the backslash of a Windows domain, the @, blanks."""
    plain = user
    for code, sign in (("%5c", "\\"), ("%40", "@"), ("%20", " ")):
        plain = f"regexp_replace({plain}, '{code}', '{sign * (2 if sign == '\\' else 1)}', 'gi')"
    return f"CASE WHEN contains({user}, '%') THEN {plain} ELSE {user} END"


def _combined() -> str:
    # client ident user [time] "method URL version" status bytes "referer" "agent" code:hierarchy
    pattern = (
        r'^(\S+) (\S+) (.+?) \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d{3}) (\d+|-)'
        r'(?: "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)")?(?: ([A-Z_]+):\S*)?'
    )
    names = "['source', 'ident', 'user', 'time', 'method', 'url', 'status', 'bytes', 'agent', 'code']"
    denied = _DENIED.format("f.code")
    rows = share(
        f"line, {stamp('f.time', '%d/%b/%Y:%H:%M:%S %z')} AS ts, f.source AS source, {count('f.bytes')} AS bytes_down,"
        f" f.url AS url, {_named('f.user')} AS user, f.agent AS agent,"
        f" CASE WHEN {denied} THEN 'blocked' ELSE 'allowed' END AS action,"
        f" CASE WHEN f.url = '' THEN 'not a line of the combined format' END AS bad",
        f"regexp_extract(text, {quote(pattern)}, {names})",
    )
    return f"{rows} WHERE NOT (f.status = '407' AND {denied})"


FORMAT = Format("squid", "Squid access.log, native or combined", _looks, _sql)
