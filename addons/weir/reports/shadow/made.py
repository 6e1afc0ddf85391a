"""The shadow AI report out of the audit store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb

from weir.model import Service as Known
from weir.model import Status
from weir.reports.shadow.cells import Cells, Used, UsedBy
from weir.reports.shadow.model import Blind, Credential, Hint, Person, Service, ShadowReport, Totals
from weir.reports.shadow.steps import steps
from weir.reports.table import moment
from weir.shadow.catalogue import Catalogue
from weir.shadow.opinion import Opinion

__all__ = ["APPROVED", "report"]

APPROVED = (Status.SANCTIONED, Status.TOLERATED)
DAYS_MAX = 30
NEW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Lists:
    """The status of each service as it was recorded, in the form of a policy's section."""

    sanctioned: Sequence[str]
    tolerated: Sequence[str]
    unsanctioned: Sequence[str]
    otherwise: Status = Status.UNKNOWN


def report(
    connection: duckdb.DuckDBPyConnection,
    since: datetime | None,
    catalogue: Catalogue,
    opinion: Opinion | None = None,
    now: datetime | None = None,
) -> ShadowReport:
    """All of it, from ``since`` (None: everything) to ``now`` (default: the clock's), both aware or UTC.

    ``opinion``: of the policy by which services are judged; without one by their status as it was recorded last.
    Raises duckdb.Error.
    """
    made = moment(now or datetime.now(UTC))
    cells = Cells(connection, moment(since))
    used = cells.services()
    first = (
        cells.first([one.service for one in used]) if since is not None else {one.service: one.first for one in used}
    )
    judge = opinion or Opinion(catalogue, _recorded(used))
    days = _days(used, moment(since), made)
    trends = _trends(cells, days)
    services = tuple(
        _service(one, judge, catalogue, first.get(one.service, one.first), made, trends.get(one.service, ()))
        for one in used
    )
    named = {service.id: service for service in services}
    uses = cells.people()
    people = _people(uses, named)
    credentials = tuple(Credential(*row[:3], tuple(row[3]), *row[4:]) for row in cells.credentials())
    blind = tuple(
        Blind(row[0], named[row[1]].name if row[1] in named and row[1] != row[0] else "", *row[2:])
        for row in cells.blind()
    )
    hints = tuple(Hint(*row) for row in cells.hints())
    users, requests, up = cells.totals()
    totals = Totals(
        services=len(services),
        unsanctioned=sum(service.status not in APPROVED for service in services),
        new=sum(service.new for service in services),
        users=users,
        requests=requests,
        bytes_up=up,
        findings=sum(service.findings for service in services),
    )
    personal = {one.service: one.personal for one in used if one.personal}
    return ShadowReport(
        made=made, since=moment(since) if since else None, until=made, totals=totals, days=days, services=services,
        people=people, credentials=credentials, blind=blind, hints=hints, coverage=tuple(cells.coverage()),
        steps=steps(services, uses, credentials, blind, hints, personal),
    )  # fmt: skip


def _recorded(used: Iterable[Used]) -> _Lists:
    by: Mapping[str, list[str]] = defaultdict(list)
    for one in used:
        by[one.status].append(one.service)
    return _Lists(by["sanctioned"], by["tolerated"], by["unsanctioned"])


def _service(
    one: Used, judge: Opinion, catalogue: Catalogue, first: datetime, now: datetime, trend: tuple[int, ...]
) -> Service:
    known = catalogue.services.get(one.service) or Known(
        one.service, one.service, category="discovered" if one.discovered else ""
    )
    known = judge.judge(known)
    rating = judge.rating(known, personal=bool(one.personal), findings=one.findings > 0)
    return Service(
        id=known.id, name=known.name or known.id, vendor=known.vendor, category=known.category,
        country=judge.country(known.id), status=str(known.status), score=rating.score,
        reasons=tuple(reason.removesuffix(f" ({known.id})") for reason in rating.reasons), hosts=tuple(one.hosts),
        users=one.users, unidentified=one.unidentified, requests=one.requests, blocked=one.blocked, bytes_up=one.up,
        bytes_down=one.down, findings=one.findings, inspection=tuple(one.inspection or ()), sources=tuple(one.sources),
        discovered=one.discovered, first_seen=first, last_seen=one.last, trend=trend, new=first >= now - NEW,
    )  # fmt: skip


def _days(used: Sequence[Used], since: datetime, now: datetime) -> tuple[date, ...]:
    if not used:
        return ()
    last = min(max(one.last for one in used), now).date()
    begun = max(min(one.first for one in used), since).date()
    begun = max(begun, last - timedelta(days=DAYS_MAX - 1))
    return tuple(begun + timedelta(days=number) for number in range((last - begun).days + 1))


def _trends(cells: Cells, days: Sequence[date]) -> dict[str, tuple[int, ...]]:
    if not days:
        return {}
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * len(days))
    for service, day, requests in cells.by_day():
        at = (day - days[0]).days
        if 0 <= at < len(days):
            counts[service][at] += requests
    return {service: tuple(count) for service, count in counts.items()}


def _people(uses: Iterable[UsedBy], named: Mapping[str, Service]) -> tuple[Person, ...]:
    by: dict[tuple[str, bool], list[UsedBy]] = defaultdict(list)
    for use in uses:
        by[use.who, use.known].append(use)
    made = []
    for (who, known), mine in by.items():
        mine.sort(key=lambda use: (-use.requests, use.service))
        latest = max(mine, key=lambda use: use.last)
        made.append(
            Person(
                user=who,
                team=latest.team,
                services=tuple(named[use.service].name for use in mine),
                unsanctioned=tuple(
                    named[use.service].name for use in mine if named[use.service].status not in APPROVED
                ),
                requests=sum(use.requests for use in mine),
                bytes_up=sum(use.up for use in mine),
                findings=sum(use.findings for use in mine),
                last_seen=latest.last,
                known=known,
            )
        )
    made.sort(key=lambda one: (-len(one.unsanctioned), -one.requests, one.user))
    return tuple(made)
