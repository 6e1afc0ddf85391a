"""The report's tables of services: all by use, and those that are new."""

from __future__ import annotations

from collections.abc import Sequence

from weir.reports.shadow.model import Service, ShadowReport
from weir.reports.shadow.page_parts import (
    Cell,
    Column,
    Grid,
    amount,
    badge,
    chips,
    count,
    meter,
    sent,
    spark,
    text,
    when,
)

__all__ = ["anchors", "new", "services"]

_SHOWN = 25
_REASONS = 2  # that stand on the fold; all of them are in it
_COLUMNS = (
    Column("Service"),
    Column("Status"),
    Column("Score", number=True),
    Column("Users", number=True),
    Column("Requests", number=True),
    Column("Sent", number=True),
    Column("Findings", number=True),
    Column("Trend", sorts=False),
    Column("Last seen"),
)
_RANK = {"unsanctioned": "0", "unknown": "1", "tolerated": "2", "sanctioned": "3"}


def anchors(report: ShadowReport) -> dict[str, str]:
    """The HTML id of each service's row. Ids of services may be hosts that strangers chose: none of it stands there."""
    return {one.id: f"s{at}" for at, one in enumerate(report.services, 1)}


def services(report: ShadowReport) -> Grid:
    """Every service, in the report's order."""
    rows = [_row(one) for one in report.services]
    at = [f"s{number}" for number in range(1, len(rows) + 1)]
    return Grid("services", "Services by use", _COLUMNS, rows, _SHOWN, at)


def new(report: ShadowReport) -> Grid:
    """The services first seen in the last seven days, the newest first."""
    fresh = sorted(
        (one for one in report.services if one.new),
        key=lambda one: one.first_seen.timestamp() if one.first_seen else 0.0,
        reverse=True,
    )
    named = anchors(report)
    columns = (
        Column("Service"), Column("Status"), Column("Score", number=True), Column("First seen"),
        Column("Users", number=True), Column("Sent", number=True),
    )  # fmt: skip
    rows = [
        (
            Cell(f'<a href="#{named[one.id]}">{_name(one)}</a>{_about(one)}', _name(one).casefold()),
            Cell(badge(one.status), _RANK.get(one.status, "1")),
            Cell(meter(one.score), one.score),
            when(one.first_seen),
            _users(one),
            Cell(sent(one.bytes_up), one.bytes_up),
        )
        for one in fresh
    ]
    return Grid("new", "Services first seen in the last seven days", columns, rows, _SHOWN)


def _row(one: Service) -> Sequence[Cell | str]:
    blocked = f'<span class="sub">{count(one.blocked)} blocked</span>' if one.blocked else ""
    found = f"<strong>{count(one.findings)}</strong>" if one.findings else "0"
    return (
        Cell(f"{_title(one)}{_about(one)}{_why(one)}", _name(one).casefold()),
        Cell(badge(one.status), _RANK.get(one.status, "1")),
        Cell(meter(one.score), one.score),
        _users(one),
        Cell(f"{count(one.requests)}{blocked}", one.requests),
        Cell(sent(one.bytes_up), one.bytes_up),
        Cell(found, one.findings),
        spark(one.trend),
        when(one.last_seen),
    )


def _name(one: Service) -> str:
    return text(one.name or one.id)


def _title(one: Service) -> str:
    fresh = ' <span class="fresh">new</span>' if one.new else ""
    return f'<span class="name">{_name(one)}</span>{fresh}'


def _about(one: Service) -> str:
    said = ["" if one.name.casefold().startswith(one.vendor.casefold()) else one.vendor, one.category.replace("-", " ")]
    said += [one.country, "found by its traffic" if one.discovered else ""]
    line = " · ".join(text(part) for part in said if part)
    return f'<span class="sub">{line}</span>' if line else ""


def _users(one: Service) -> Cell:
    nobody = f'<span class="sub">+ {count(one.unidentified)} unnamed</span>' if one.unidentified else ""
    return Cell(f"{count(one.users)}{nobody}", one.users)


def _why(one: Service) -> str:
    """Why the score is what it is, and everything that has no column."""
    facts = [
        ("Why this score", "".join(f"<li>{text(reason)}</li>" for reason in one.reasons)),
        ("Hosts", chips(one.hosts) if one.hosts else ""),
        ("Seen in", text(", ".join(one.sources))),
        ("Looked into", text(", ".join(one.inspection))),
        ("First seen", when(one.first_seen) if one.first_seen else ""),
        ("Received", amount(one.bytes_down) if one.bytes_down else ""),
    ]
    rows = "".join(
        f"<dt>{name}</dt><dd>{f'<ul>{said}</ul>' if said.startswith('<li>') else said}</dd>"
        for name, said in facts
        if said
    )
    first = "; ".join(text(reason) for reason in one.reasons[:_REASONS]) or "Details"
    return f'<details class="more"><summary>{first}</summary><dl>{rows}</dl></details>' if rows else ""
