"""The shadow AI report in a terminal: a section a question, nothing wider than the window."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from weir.cli.output import clean, console, lay, many, table

if TYPE_CHECKING:
    from weir.reports.shadow.model import Service, ShadowReport, Step

__all__ = ["show", "spark"]

_MOST = {"services": 20, "new": 8, "people": 12, "credentials": 8, "blind": 8, "hints": 8, "steps": 8}
_NAMES = 4  # services named beside a person
_SPARK = "▁▂▃▄▅▆▇█"
_SPARK_CELLS = 10
_NUMBERS = {"score", "users", "requests", "sent", "findings", "not appr.", "clients", "conn."}
_SEEN = {
    "inspected": "read whole", "partial": "read in part", "metered": "not decrypted",
    "pinned": "client trusts no proxy", "unparsed": "in no form weir reads", "failed": "broke off",
    "unknown": "not known",
    "logs": "only in logs", "uncatalogued": "not decrypted, in no catalogue",
}  # fmt: skip


def show(report: ShadowReport) -> None:
    """Print it. What a section leaves out is counted below it."""
    _head(report)
    _in_use(report.services)
    _new(report)
    _people(report)
    _credentials(report)
    _blind(report)
    _hints(report)
    _coverage(report)
    _steps(report.steps)


def spark(counts: Sequence[int], cells: int = _SPARK_CELLS) -> str:
    """A line of at most ``cells`` bars: how a count went; neighbours are summed up where there are more of them."""
    if not counts or not max(counts):
        return ""
    number = min(cells, len(counts))
    edges = [len(counts) * one // number for one in range(number + 1)]
    sums = [sum(counts[begin:end]) / (end - begin) for begin, end in itertools.pairwise(edges)]
    most = max(sums)
    return "".join(_SPARK[min(7, int(8 * one / most))] if one else " " for one in sums)


def _head(report: ShadowReport) -> None:
    totals = report.totals
    since = f"{report.since:%Y-%m-%d %H:%M}" if report.since else "the beginning"
    _line(f"Shadow AI from {since} to {report.until:%Y-%m-%d %H:%M} UTC", "bold")
    told = f"{many(totals.services, 'service')}, {totals.unsanctioned:,} of them not approved"
    _line(f"{told}, {totals.new:,} new; {many(totals.users, 'user')}, {many(totals.requests, 'request')}, "
          f"{_size(totals.bytes_up)} sent, {many(totals.findings, 'sensitive finding')}")  # fmt: skip


def _in_use(services: Sequence[Service]) -> None:
    rows = [
        [one.name, one.status, one.score, one.users or "-", one.requests, _size(one.bytes_up), one.findings or "-",
         spark(one.trend)]
        for one in services
    ]  # fmt: skip
    heads = ["service", "status", "score", "users", "requests", "sent", "findings", "trend"]
    _section("In use", heads, rows, "services")


def _new(report: ShadowReport) -> None:
    fresh = [one for one in report.services if one.new]
    fresh.sort(key=lambda one: (one.first_seen or report.made, one.name), reverse=True)
    rows = [
        [one.name, one.status, one.category or "-", one.country or "-", _when(one.first_seen), ", ".join(one.sources)]
        for one in fresh
    ]
    _section("New this week", ["service", "status", "kind", "country", "first seen", "seen by"], rows, "new")


def _people(report: ShadowReport) -> None:
    rows = []
    for one in report.people:
        named = list(dict.fromkeys([*one.unsanctioned, *one.services]))
        left = len(named) - _NAMES
        used = ", ".join(named[:_NAMES]) + (f" and {left} more" if left > 0 else "")
        rows.append([one.user, one.team or "-", len(one.unsanctioned) or "-", one.requests, _size(one.bytes_up), used])
    heads = ["user", "team", "not appr.", "requests", "sent", "services, not approved ones first"]
    _section("Who uses what", heads, rows, "people")


def _credentials(report: ShadowReport) -> None:
    rows = [[one.provider, one.kind, one.fingerprint, ", ".join(one.users) or "-", one.requests, _when(one.last_seen)]
            for one in report.credentials]  # fmt: skip
    heads = ["provider", "kind", "fingerprint", "users", "requests", "last seen"]
    _section("Personal credentials", heads, rows, "credentials")


def _blind(report: ShadowReport) -> None:
    rows = [
        [one.service or one.host, one.inspection, one.reason or "-", one.clients, one.connections, _size(one.bytes_up)]
        for one in report.blind
    ]
    heads = ["service", "how", "why", "clients", "conn.", "sent"]
    _section("Clients weir cannot look into", heads, rows, "blind")


def _hints(report: ShadowReport) -> None:
    rows = [[one.host, one.why, one.users, one.connections, _size(one.bytes_up)] for one in report.hints]
    heads = ["host", "why", "users", "conn.", "sent"]
    _section("Hints: not decrypted, looks like AI, may be something else", heads, rows, "hints")


def _coverage(report: ShadowReport) -> None:
    if report.coverage:
        _line("")
        _line("Coverage", "bold")
        whole = sum(count for _, count in report.coverage)
        counted = [f"{count:,}" for _, count in report.coverage]
        shares = [f"{100 * count / whole:.1f} %" for _, count in report.coverage]
        words = [_SEEN.get(name, name) for name, _ in report.coverage]
        wide = max(map(len, counted))
        for count, share, word in zip(counted, shares, words, strict=True):
            _line(f"{count:>{wide}}  {share:>7}  {clean(word)}")


def _steps(steps: Sequence[Step]) -> None:
    if not steps:
        return
    _line("")
    _line("What to do next", "bold")
    shown = steps[: _MOST["steps"]]
    numbers = [f"{number}." for number in range(1, len(shown) + 1)]
    for number, step in zip(numbers, shown, strict=True):
        lay([number, clean(step.title)], [numbers, [""]], styles=["bold"])
        lay(["", clean(step.why)], [numbers, [""]])
        if step.command:
            lay(["", clean(step.command)], [numbers, [""]])
    _more(len(steps) - len(shown))


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], name: str) -> None:
    if not rows:
        return
    _line("")
    _line(title, "bold")
    shown = rows[: _MOST[name]]
    named = list(heads)
    told = [[_cell(value) for value in row] for row in shown]
    for at in (number for number, head in enumerate(heads) if head in _NUMBERS):
        wide = max(len(heads[at]), *(len(row[at]) for row in told))
        for row in told:
            row[at] = row[at].rjust(wide)
        named[at] = heads[at].rjust(wide)
    table(named, told, stack=False)
    _more(len(rows) - len(shown))


def _more(left: int) -> None:
    if left > 0:
        _line(f"… {left:,} more in --format json or html", "dim")


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else clean(value)


def _line(text: str, style: str = "") -> None:
    from rich.text import Text

    from weir.cli.layout import wrap

    out = console()
    for line in wrap(text, out.width):
        out.print(Text(line, style), soft_wrap=True)


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"


def _size(count: int) -> str:
    from weir.reports.shadow.steps import size

    return size(count) if count else "-"
