"""The report's other tables: people, teams, credentials, clients that can't be looked into, hints, coverage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weir.reports.shadow.model import Person, ShadowReport
from weir.reports.shadow.page_parts import Cell, Column, Grid, chips, count, sent, text, when

__all__ = ["COVERAGE", "blind", "coverage", "credentials", "hints", "people", "teams"]

# What the report's word for how far weir saw means to its reader.
COVERAGE: Mapping[str, str] = {
    "inspected": "decrypted and read whole",
    "partial": "decrypted, read in part",
    "metered": "not decrypted: who, where to and how many bytes are known",
    "pinned": "not decrypted: the client trusts only its own certificates",
    "unparsed": "decrypted, in a form that could not be read",
    "failed": "looking into it failed; what then happened was the policy's choice",
    "logs": "known from log files alone",
    "uncatalogued": "not decrypted, to hosts in no catalogue: mostly no AI, but nobody looked",
    "unknown": "how far is not recorded",
}
_SEEN = (Column("Last seen"),)
_PEOPLE_MAX = 500  # on the page; the other forms of the report hold all


def _sent(size: int) -> Cell:
    return Cell(sent(size), size)


def people(report: ShadowReport) -> Grid:
    """Who uses what, in the report's order."""
    names = {one.id: one.name or one.id for one in report.services}
    columns = (
        Column("Who"), Column("Team"), Column("Services", sorts=False), Column("Requests", number=True),
        Column("Sent", number=True), Column("Findings", number=True), *_SEEN,
    )  # fmt: skip
    rows = [
        (
            f'<span class="name">{text(one.user).replace("@", "@<wbr>")}</span>',
            text(one.team) if one.team else "",
            chips(_named(one.services, names), _named(one.unsanctioned, names)),
            Cell(count(one.requests), one.requests),
            _sent(one.bytes_up),
            Cell(f"<strong>{count(one.findings)}</strong>" if one.findings else "0", one.findings),
            when(one.last_seen),
        )
        for one in report.people
    ]
    return Grid("people", "Who uses what", columns, rows, most=_PEOPLE_MAX)


def teams(report: ShadowReport) -> Grid:
    """The people by team: how many, and how many of them use what is not approved. Most data sent first."""
    groups: dict[str, list[Person]] = {}
    for one in report.people:
        groups.setdefault(one.team or "no team", []).append(one)
    columns = (
        Column("Team"), Column("People", number=True), Column("Using what is not approved", number=True),
        Column("Requests", number=True), Column("Sent", number=True), Column("Findings", number=True),
    )  # fmt: skip
    rows = [
        (
            f'<span class="name">{text(team)}</span>',
            count(len(group)),
            count(sum(1 for one in group if one.unsanctioned)),
            Cell(count(sum(one.requests for one in group)), sum(one.requests for one in group)),
            _sent(sum(one.bytes_up for one in group)),
            count(sum(one.findings for one in group)),
        )
        for team, group in sorted(groups.items(), key=lambda pair: (-sum(one.bytes_up for one in pair[1]), pair[0]))
    ]
    return Grid("teams", "By team", columns, rows, 12)


def credentials(report: ShadowReport) -> Grid:
    """Keys and accounts that are none of the company's."""
    columns = (
        Column("Provider"), Column("Kind"), Column("Fingerprint"), Column("Who", sorts=False),
        Column("Requests", number=True), *_SEEN,
    )  # fmt: skip
    rows = [
        (
            f'<span class="name">{text(one.provider)}</span>',
            text(one.kind.replace("_", " ")),
            f"<code>{text(one.fingerprint)}</code>",
            chips(one.users),
            Cell(count(one.requests), one.requests),
            when(one.last_seen),
        )
        for one in report.credentials
    ]
    return Grid("credentials", "Personal keys and accounts in use", columns, rows)


def blind(report: ShadowReport) -> Grid:
    """Clients that can't be looked into, and why."""
    columns = (
        Column("Host"), Column("Service"), Column("Why"), Column("Clients", number=True),
        Column("Connections", number=True), Column("Sent", number=True), *_SEEN,
    )  # fmt: skip
    rows = [
        (
            f'<span class="name">{text(one.host)}</span>',
            text(one.service) if one.service else "",
            f'{text(one.inspection)}<span class="sub">{text(one.reason)}</span>',
            Cell(count(one.clients), one.clients),
            Cell(count(one.connections), one.connections),
            _sent(one.bytes_up),
            when(one.last_seen),
        )
        for one in report.blind
    ]
    return Grid("blind", "Clients that can't be looked into", columns, rows)


def hints(report: ShadowReport) -> Grid:
    """Connections that were not decrypted and look like AI use."""
    columns = (
        Column("Host"), Column("Looks like AI because", sorts=False), Column("Users", number=True),
        Column("Connections", number=True), Column("Sent", number=True), *_SEEN,
    )  # fmt: skip
    rows = [
        (
            f'<span class="name">{text(one.host)}</span> <span class="hint">hint</span>',
            text(one.why),
            Cell(count(one.users), one.users),
            Cell(count(one.connections), one.connections),
            _sent(one.bytes_up),
            when(one.last_seen),
        )
        for one in report.hints
    ]
    return Grid("hints", "Hints, not facts", columns, rows)


def coverage(report: ShadowReport) -> Iterator[str]:
    """How far weir saw, as a bar and a table."""
    whole = sum(number for _, number in report.coverage)
    if not whole:
        return
    place, parts = 0.0, []
    for at, (name, number) in enumerate(report.coverage):
        wide = 1000 * number / whole
        kind = name if name in COVERAGE else f"other{at % 3}"
        parts.append(f'<rect class="c-{kind}" x="{place:.2f}" width="{max(wide - 2, 0.5):.2f}" height="18"/>')
        place += wide
    yield (
        '<svg class="coverage" viewBox="0 0 1000 18" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )
    columns = (Column("How far"), Column("Means"), Column("Exchanges", number=True), Column("Share", number=True))
    rows = [
        (
            f'<svg class="key" viewBox="0 0 8 8" aria-hidden="true"><rect class="c-'
            f'{name if name in COVERAGE else f"other{at % 3}"}" width="8" height="8"/></svg> '
            f'<span class="name">{text(name)}</span>',
            text(COVERAGE.get(name, "")),
            Cell(count(number), number),
            Cell(f"{100 * number / whole:.1f} %", number),
        )
        for at, (name, number) in enumerate(report.coverage)
    ]
    yield from Grid("coverage", "How far weir saw", columns, rows).html()


def _named(ids: tuple[str, ...], names: Mapping[str, str]) -> list[str]:
    return [names.get(one, one) for one in ids]
