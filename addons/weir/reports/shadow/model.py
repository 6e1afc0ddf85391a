"""The shadow AI report as values: what every form of it (table, JSON, CSV, page) is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

__all__ = ["Blind", "Credential", "Hint", "Person", "Service", "ShadowReport", "Step", "Totals"]


@dataclass(frozen=True, slots=True)
class Service:
    """One service (or a host that no catalogue lists) in use. Bytes are what went up and came down.

    ``score`` is 0 (harmless) to 100 with its ``reasons``, words for people. ``sources``: ``live`` and names of log
    formats. ``findings`` counts sensitive findings in what was sent; ``trend`` the requests by ``ShadowReport.days``.
    ``users`` are known people, ``unidentified`` requests of nobody known.
    """

    id: str
    name: str
    vendor: str = ""
    category: str = ""
    country: str = ""
    status: str = "unknown"
    score: int = 0
    reasons: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    users: int = 0
    unidentified: int = 0
    requests: int = 0
    blocked: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    findings: int = 0
    inspection: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    discovered: bool = False
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    trend: tuple[int, ...] = ()
    new: bool = False  # first seen in the last seven days of the report


@dataclass(frozen=True, slots=True)
class Person:
    """Who uses what: a user (or a device or address where no user is known) and their services, by name.

    ``unsanctioned`` are those of ``services`` that policy neither sanctions nor tolerates. ``known``: ``user`` is a
    person's name, and no device or address."""

    user: str
    team: str
    services: tuple[str, ...]
    unsanctioned: tuple[str, ...]
    requests: int
    bytes_up: int
    findings: int
    last_seen: datetime | None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential that is none of the company's: ``fingerprint`` is its first digits, never the value."""

    provider: str
    kind: str
    fingerprint: str
    users: tuple[str, ...]
    requests: int
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Blind:
    """Clients that can't be looked into: ``inspection`` says why (pinned, metered, unparsed, failed …)."""

    host: str
    service: str
    inspection: str
    reason: str
    clients: int
    connections: int
    bytes_up: int
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Hint:
    """Connections that were not decrypted and look like AI use: a hint, never a fact."""

    host: str
    why: str
    users: int
    connections: int
    bytes_up: int
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next, the most pressing first. ``title`` begins with a verb; ``command`` may be run or written."""

    title: str
    why: str
    services: tuple[str, ...] = ()
    command: str = ""
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers at the top. ``unsanctioned`` counts services that policy neither sanctions nor tolerates (those of
    status ``unknown`` too), ``users`` known people, ``new`` services first seen in the last seven days."""

    services: int = 0
    unsanctioned: int = 0
    new: int = 0
    users: int = 0
    requests: int = 0
    bytes_up: int = 0
    findings: int = 0


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """All of it. Times are UTC without a zone. ``services`` has sanctioned ones too, most requests first; ``people``
    those with the most unsanctioned services first; ``steps`` the heaviest first. ``days`` are at most 30, to the last
    one on which anything was seen. ``coverage`` counts AI exchanges by how far weir saw (``inspected``, ``partial`` …),
    requests out of logs as ``logs``, and as ``uncatalogued`` connections that weir did not decrypt, to hosts in no
    catalogue: what they were is not known."""

    made: datetime
    since: datetime | None
    until: datetime
    totals: Totals = field(default_factory=Totals)
    days: tuple[date, ...] = ()
    services: tuple[Service, ...] = ()
    people: tuple[Person, ...] = ()
    credentials: tuple[Credential, ...] = ()
    blind: tuple[Blind, ...] = ()
    hints: tuple[Hint, ...] = ()
    steps: tuple[Step, ...] = ()
    coverage: tuple[tuple[str, int], ...] = ()
