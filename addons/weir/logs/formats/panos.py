"""PAN-OS's syslog: TRAFFIC (no hostname: an App-ID or an address) and THREAT of subtype url (a URL, no bytes).

Fields go by their place, counted from the one before the receive time; whatever stands before that is syslog's.
"""

from __future__ import annotations

import re

from weir.logs.appids import APPS
from weir.logs.format import Format, Sample, Source
from weir.logs.sql import count, delimited, quote, share, stamp

__all__ = ["FORMAT"]

_HEAD = r"[0-9]*,[0-9]{4}[/-][0-9]{2}[/-][0-9]{2}[ T][0-9:.]{8,15}Z?,[^,]*,"
_START = _HEAD + "[A-Z]+,"
_LINE = re.compile(r"(?:^|.{0,512}?[ >])" + _START)
_READ = "^(?:.{0,512}?[ >])?" + _HEAD + "(?:TRAFFIC,|THREAT,url,)"
# PAN-OS's words for what it did to a URL or a session; the others let it pass.
_BLOCKED = ("deny", "drop", "reset", "block", "override-lockout", "sinkhole", "random-drop")


def _looks(sample: Sample) -> float:
    lines = sample.filled
    return sum(bool(_LINE.match(line)) for line in lines) / len(lines) if lines else 0.0


def _sql(source: Source) -> str:
    # The one list without quotes that has commas in it, link_switches, would move the fields behind it.
    whole = f"regexp_extract(text, {quote(_START + '.*')}, 0)"
    listed = "contains(text, '{') AND contains(text, ',TRAFFIC,')"
    body = f"CASE WHEN {listed} THEN regexp_replace({whole}, '\\{{[^{{}}]*\\}}', '', 'g') ELSE {whole} END"
    apps = " ".join(
        f"WHEN starts_with(f[15] || '-', {quote(app + '-')}) THEN {quote(host)}" for app, host in APPS.items()
    )
    traffic = "f[4] = 'TRAFFIC'"
    blocked = " OR ".join(f"starts_with(f[31], {quote(word)})" for word in _BLOCKED)
    # A time with its offset, where the firewall gives one; the one without is the firewall's own, taken for UTC.
    precise = f"CASE WHEN {traffic} THEN f[103] ELSE f[107] END"
    exact = f"CASE WHEN regexp_matches({precise}, '^20[0-9]{{2}}-.*([+-][0-9]{{2}}:?[0-9]{{2}}|Z)$') THEN {precise} END"
    return share(
        f"line, coalesce({stamp(exact)}, {stamp('f[7]', '%Y/%m/%d %H:%M:%S')},"
        f" {stamp('f[2]', '%Y/%m/%d %H:%M:%S')}) AS ts,"
        f" CASE WHEN {traffic} THEN CASE {apps} ELSE f[9] END ELSE f[32] END AS url,"
        f" f[8] AS source, f[13] AS user, CASE WHEN {traffic} THEN f[83] ELSE f[87] END AS device,"
        f" CASE WHEN NOT {traffic} THEN f[47] END AS agent,"
        f" CASE WHEN {traffic} THEN {count('f[33]')} END AS bytes_up,"
        f" CASE WHEN {traffic} THEN {count('f[34]')} END AS bytes_down,"
        f" CASE WHEN {blocked} THEN 'blocked' ELSE 'allowed' END AS action,"
        f" CASE WHEN len(f) < 5 THEN 'no line of PAN-OS' WHEN len(f) < 32 THEN 'fewer than 32 fields' END AS bad",
        delimited(f"({body})"),
        # Other kinds of log (SYSTEM, CONFIG, other threats) stand between: they tell of no host in use.
        where=f"NOT regexp_matches(text, {quote(_START)}) OR regexp_matches(text, {quote(_READ)})",
    )


FORMAT = Format("panos", "PAN-OS traffic and URL filtering logs (CSV, syslog)", _looks, _sql)
