"""The shadow AI report for programs: all of it as JSON, its services as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from weir.reports.shadow.model import Service, ShadowReport
from weir.reports.table import Table

__all__ = ["TITLE", "document", "services_table"]

TITLE = "AI services in use"
# Column of the table → what of a service it is; the first ones are those that the report has always had.
_COLUMNS: Mapping[str, str] = {
    "service": "id", "hosts": "hosts", "status": "status", "discovered": "discovered", "inspection": "inspection",
    "users": "users", "unidentified": "unidentified", "requests": "requests", "blocked": "blocked",
    "bytes_up": "bytes_up", "first_seen": "first_seen", "last_seen": "last_seen", "name": "name", "vendor": "vendor",
    "category": "category", "country": "country", "score": "score", "reasons": "reasons", "bytes_down": "bytes_down",
    "findings": "findings", "sources": "sources", "new": "new",
}  # fmt: skip


def services_table(report: ShadowReport) -> Table:
    """A row per service, as they stand in the report."""
    return Table(TITLE, tuple(_COLUMNS), tuple(_row(service) for service in report.services))


def _row(service: Service) -> tuple[Any, ...]:
    values = {column: getattr(service, name) for column, name in _COLUMNS.items()}
    values["reasons"] = "; ".join(service.reasons)  # they have blanks of their own
    return tuple(list(value) if isinstance(value, tuple) else value for value in values.values())


def document(report: ShadowReport) -> dict[str, Any]:
    """``{"title": …, "made": …, "totals": {…}, "services": [{…}], "people": [{…}], …}``, fit for JSON: the members of
    ``ShadowReport`` by their names, ``coverage`` as an object. Times are ISO 8601 with Z, days without a time.
    """
    made = _plain(asdict(report))
    return {"title": TITLE, **made, "coverage": dict(report.coverage)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
