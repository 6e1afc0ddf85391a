"""THE list of what the ingester's process does besides ingesting, in order, one reason a line."""

from __future__ import annotations

from weir.audit.ingester.duty import Duty
from weir.audit.ingester.ingest import Ingester

__all__ = ["duties"]


def duties(ingester: Ingester) -> list[Duty]:
    """The duties of one process. Each keeps its own state between two runs."""
    return []
