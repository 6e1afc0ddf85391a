"""What the uses of all logs come to, a service at a time, and its shape in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weir.logs.reading import Reading
    from weir.logs.use import Use
    from weir.shadow.opinion import Judged

__all__ = ["Total", "document", "totals", "untold"]


@dataclass(slots=True)
class Total:
    """One service: who used it, how much, from when to when (µs, 0: no line has a time). Bytes None: not counted."""

    judged: Judged
    hosts: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    departments: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    requests: int = 0
    blocked: int = 0
    unidentified: int = 0
    bytes_up: int | None = None
    bytes_down: int | None = None
    first: int = 0
    last: int = 0

    def add(self, use: Use) -> None:
        """Count one use in."""
        for names, name in (
            (self.hosts, use.host), (self.users, use.user), (self.devices, use.device), (self.agents, use.agent),
            (self.departments, use.department), (self.addresses, use.source),
        ):  # fmt: skip
            if name:
                names.add(name)
        self.requests += use.requests
        self.blocked += use.requests if use.action == "blocked" else 0
        self.unidentified += 0 if use.user else use.requests
        if use.bytes_up is not None:
            self.bytes_up = (self.bytes_up or 0) + use.bytes_up
        if use.bytes_down is not None:
            self.bytes_down = (self.bytes_down or 0) + use.bytes_down
        if use.first:
            self.first = min(self.first or use.first, use.first)
            self.last = max(self.last, use.last)


def totals(uses: Iterable[tuple[Use, Judged]]) -> list[Total]:
    """A total a service, the most used first."""
    found: dict[str, Total] = {}
    for use, judged in uses:
        found.setdefault(judged.service.id, Total(judged)).add(use)
    return sorted(found.values(), key=lambda total: (-total.requests, total.judged.service.id))


def untold(uses: Iterable[Use]) -> dict[str, str]:
    """What none of a log's uses tells, as people call it → as ``--column`` does; empty when there is no use."""
    some = list(uses)
    looked = {
        "time": ("ts", any(use.first for use in some)),
        "user": ("user", any(use.user for use in some)),
        "address": ("source", any(use.source for use in some)),
        "bytes up": ("bytes_up", any(use.bytes_up is not None for use in some)),
    }
    return {name: column for name, (column, told) in looked.items() if some and not told}


def document(made: Iterable[Total], readings: Iterable[Reading], unread: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """All of it for programs. Times are ISO 8601 in UTC; null is what no line told."""
    return {
        "services": [_service(total) for total in made],
        "files": [_file(reading) for reading in readings],
        "unread": [{"file": name, "why": why} for name, why in unread],
    }


def _service(total: Total) -> dict[str, Any]:
    service, rating = total.judged.service, total.judged.rating
    return {
        "service": service.id, "name": service.name, "vendor": service.vendor, "category": service.category,
        "country": total.judged.country or None, "status": str(service.status), "score": rating.score,
        "reasons": list(rating.reasons), "requests": total.requests, "blocked": total.blocked,
        "unidentified": total.unidentified, "bytes_up": total.bytes_up, "bytes_down": total.bytes_down,
        "first": _time(total.first), "last": _time(total.last), "hosts": sorted(total.hosts),
        "users": sorted(total.users), "devices": sorted(total.devices), "departments": sorted(total.departments),
        "addresses": sorted(total.addresses), "agents": sorted(total.agents),
    }  # fmt: skip


def _file(reading: Reading) -> dict[str, Any]:
    return {
        "file": reading.name, "format": reading.format or None, "sha256": reading.digest,
        "from": reading.start, "lines": reading.lines,
        "requests": reading.requests, "hosts": reading.hosts, "other_hosts": reading.other_hosts,
        "other_requests": reading.other_requests, "trouble": reading.trouble or None,
        "bad": [
            {"why": why, "count": count, "lines": list(reading.examples.get(why, ()))}
            for why, count in reading.bad.items()
        ],
    }  # fmt: skip


def _time(micros: int) -> str | None:
    if not micros:
        return None
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
