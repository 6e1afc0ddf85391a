"""Uses become totals a service, and a document for programs."""

from __future__ import annotations

from weir.cli.discover.totals import document, totals
from weir.logs.use import Use
from weir.model import Service, Status
from weir.shadow.opinion import Judged
from weir.shadow.rating import Rating

AI = Judged(Service("ai", "AI", "vendor", "assistant", Status.UNSANCTIONED), "", "", Rating(7, ((7, "why"),)))


def use(user: str, first: int, last: int, up: int | None = None, action: str = "allowed") -> Use:
    return Use("ai.example", "", user, "", "sales", "10.0.0.1", action, "curl", 2, first, last, up, None)


def test_totals_and_their_document() -> None:
    made = totals([(use("ann", 5_000_000, 9_000_000, 7), AI), (use("", 0, 0, action="blocked"), AI)])
    (service,) = document(made, [], [("log", "torn")])["services"]
    assert service == {
        "service": "ai", "name": "AI", "vendor": "vendor", "category": "assistant", "country": None,
        "status": "unsanctioned", "score": 7, "reasons": ["why"], "requests": 4, "blocked": 2, "unidentified": 2,
        "bytes_up": 7, "bytes_down": None, "first": "1970-01-01T00:00:05.000Z", "last": "1970-01-01T00:00:09.000Z",
        "hosts": ["ai.example"], "users": ["ann"], "devices": [], "departments": ["sales"],
        "addresses": ["10.0.0.1"], "agents": ["curl"],
    }  # fmt: skip
