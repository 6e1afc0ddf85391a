"""The report's charts: their numbers as JSON that can't leave its place, and as tables for those without a script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date

from weir.cli.output import clean
from weir.reports.shadow.model import Service, ShadowReport
from weir.reports.shadow.page_parts import amount, badge, count, text

__all__ = ["STATUSES", "data", "figures"]

STATUSES = ("sanctioned", "tolerated", "unsanctioned", "unknown")
_DAYS_MAX = 62  # single days up to here, weeks from there
_TOP = 10
_NAME_MAX = 30
# In a script element only these end it or open a comment; as escapes they mean the same in JSON.
_APART = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def data(report: ShadowReport) -> str:
    """What the script draws: ``{"days": […], "unit", "requests": {status: […]}, "top": [{name, status, bytes}]}``."""
    days, unit = _days(report.days)
    top = [{"name": _short(one.name or one.id), "status": _status(one), "bytes": one.bytes_up} for one in _top(report)]
    found = {
        "days": [f"{day:%Y-%m-%d}" for day in days],
        "unit": unit,
        "requests": {status: _requests(report, status) for status in STATUSES} if days else {},
        "top": top,
    }
    return json.dumps(found, separators=(",", ":")).translate(_APART)


def figures(report: ShadowReport) -> Iterator[str]:
    """The two figures with their tables: open without a script, folded once the charts are drawn."""
    days, unit = _days(report.days)
    rows = {status: _requests(report, status) for status in STATUSES}
    drawn = [status for status in STATUSES if any(rows[status])]
    if len(days) > 1 and drawn:
        head = "".join(f'<th scope="col" class="n">{status}</th>' for status in drawn)
        body = "".join(
            f'<tr><th scope="row">{day:%Y-%m-%d}</th>'
            + "".join(f"<td class=n>{count(rows[status][at])}</td>" for status in drawn)
            + "</tr>"
            for at, day in enumerate(days)
        )
        yield _figure("requests", f"Requests a {unit}, by status", f"<th scope=col>{unit}</th>{head}", body)
    top = _top(report)
    if top:
        body = "".join(
            f'<tr><th scope="row">{text(one.name or one.id)}</th><td>{badge(one.status)}</td>'
            f"<td class=n>{amount(one.bytes_up)}</td></tr>"
            for one in top
        )
        head = '<th scope="col">service</th><th scope="col">status</th><th scope="col" class="n">sent</th>'
        yield _figure("sent", "Where most data went", head, body)


def _figure(name: str, title: str, head: str, body: str) -> str:
    return (
        f'<figure><figcaption id="of-{name}">{title}</figcaption>'
        f'<div class="canvas" hidden><canvas id="chart-{name}" role="img" aria-labelledby="of-{name}"></canvas></div>'
        f"<details open><summary>The numbers</summary>"
        f'<div class="wide"><table><caption class="away">{title}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></details></figure>"
    )


def _top(report: ShadowReport) -> list[Service]:
    sent = [one for one in report.services if one.bytes_up > 0]
    return sorted(sent, key=lambda one: -one.bytes_up)[:_TOP]


def _days(days: Sequence[date]) -> tuple[list[date], str]:
    """The days, or the first days of weeks counted back from the last day, and which of both."""
    if len(days) <= _DAYS_MAX:
        return list(days), "day"
    return [days[max(0, end - 7)] for end in _ends(len(days))], "week"


def _ends(length: int) -> list[int]:
    return list(range(length, 0, -7))[::-1]


def _requests(report: ShadowReport, status: str) -> list[int]:
    length = len(report.days)
    sums = [0] * length
    for one in report.services:
        if _status(one) == status:
            for at, number in enumerate(one.trend[:length]):
                sums[at] += number
    return sums if length <= _DAYS_MAX else [sum(sums[max(0, end - 7) : end]) for end in _ends(length)]


def _status(service: Service) -> str:
    return service.status if service.status in STATUSES else "unknown"


def _short(name: str) -> str:
    shown = clean(name).replace("\n", " ")
    return shown if len(shown) <= _NAME_MAX else shown[: _NAME_MAX - 1] + "…"
