"""Cisco Umbrella's DNS and web (proxy) logs: CSV, every field quoted, with columns that came over the years.

Who asked stands in two lists that run side by side: identities and their types. A name may hold commas ("Lovelace, Ada
(ada@corp.example)"), so the first identity, which has a column of its own, is taken off before the rest is split.
"""

from __future__ import annotations

import re

from weir.logs.format import Format, Sample, Source
from weir.logs.sql import count, delimited, quote, share, stamp

__all__ = ["FORMAT"]

_TIME = r'"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"?\s*,'
_DNS = re.compile(_TIME + r'.{1,2048}?,\s*"(?:Allowed|Blocked|Proxied)"\s*,\s*"\d+ \([A-Z0-9]+\)"\s*,')
_WEB = re.compile(_TIME + r'.{1,2048}?,\s*"(?:ALLOWED|BLOCKED|WARNED|PROXIED)"\s*,\s*"[^"]*[.:/]')
_HEADER = r'^\s*"?(?:Timestamp|Date)"?\s*,'
_USERS = "('ad users', 'ad user', 'users', 'user', 'saml users', 'saml user', 'directory users', 'directory user')"
_DEVICES = (
    "('roaming computers', 'roaming computer', 'anyconnect roaming client', 'anyconnect roaming clients',"
    " 'mobile devices', 'mobile device', 'chromebooks', 'chromebook', 'chromebook users')"
)


def _looks(sample: Sample) -> float:
    lines = [line for line in sample.filled if not re.match(_HEADER, line)]
    return sum(bool(_DNS.match(line) or _WEB.match(line)) for line in lines) / len(lines) if lines else 0.0


def _sql(source: Source) -> str:
    # DNS has the query's type in field 7, as "1 (A)"; the proxy has its verdict there.
    dns = "regexp_matches(f[7], '^[0-9]+ \\(')"
    one = f"list_transform({delimited('text')}, lambda cell: trim(cell))"
    first, all_, kind, kinds = (
        "f[2]",
        f"(CASE WHEN {dns} THEN f[3] ELSE f[24] END)",
        f"lower(CASE WHEN {dns} THEN f[11] ELSE f[22] END)",
        f"lower(CASE WHEN {dns} THEN f[12] ELSE f[25] END)",
    )
    named = (
        f"CASE WHEN starts_with({all_}, {first} || ',')"
        f" THEN list_prepend({first}, string_split(substr({all_}, length({first}) + 2), ','))"
        f" ELSE [{first}] END"
    )
    listed = (
        f"SELECT *, {named} AS names,"
        f" list_transform(string_split(coalesce({kinds}, ''), ','), lambda one: trim(one)) AS kinds"
        f" FROM ({share('line, f', one, where=f'NOT regexp_matches(text, {quote(_HEADER)})')})"
    )
    mail = "regexp_extract({0}, '\\(([^()\\s]+@[^()\\s]+)\\)\\s*$', 1)"
    user = _identity(_USERS, kind, first)
    # Rows from before the types were written hold the user's name alone.
    user = f"coalesce({user}, CASE WHEN len(f) = 10 THEN {first} END)"
    return (
        f"SELECT line, {stamp('f[1]', '%Y-%m-%d %H:%M:%S', local=False)} AS ts,"
        f" CASE WHEN {dns} THEN f[9] ELSE f[8] END AS url,"
        f" coalesce(nullif({mail.format(user)}, ''), {user}) AS user, {_identity(_DEVICES, kind, first)} AS device,"
        f" CASE WHEN {dns} THEN coalesce(nullif(f[4], ''), f[5]) ELSE coalesce(nullif(f[3], ''), f[4]) END AS source,"
        f" CASE WHEN NOT {dns} THEN f[10] END AS agent,"
        f" CASE WHEN NOT {dns} THEN {count('f[12]')} END AS bytes_up,"
        f" CASE WHEN NOT {dns} THEN {count('f[13]')} END AS bytes_down,"
        f" CASE WHEN lower(CASE WHEN {dns} THEN f[6] ELSE f[7] END) = 'blocked' THEN 'blocked'"
        f" ELSE 'allowed' END AS action,"
        f" CASE WHEN len(f) < 9 THEN 'fewer than 9 fields'"
        f" WHEN NOT {dns} AND NOT regexp_matches(f[7], '^[A-Za-z]+$') THEN 'neither of DNS nor of the proxy' END AS bad"
        f" FROM ({listed})"
    )


def _identity(wanted: str, kind: str, first: str) -> str:
    """The identity of a ``wanted`` type: beside its type where the lists fit, else the first, if it is of that type."""
    place = f"list_position(list_transform(kinds, lambda one: one IN {wanted}), true)"
    return (
        f"(CASE WHEN len(names) = len(kinds) THEN trim(names[{place}])"
        f" WHEN coalesce(CASE WHEN {kind} IN {wanted} THEN true END, kinds[1] IN {wanted}) THEN {first} END)"
    )


FORMAT = Format("umbrella", "Cisco Umbrella DNS and web logs (CSV)", _looks, _sql)
