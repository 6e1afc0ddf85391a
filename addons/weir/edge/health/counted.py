"""The spool, with every record counted that it is given: what `/metrics` says and what the audit holds are one."""

from __future__ import annotations

from typing import Any

from weir.audit.record import AuditRecord
from weir.audit.spool.writer import Spool, SpoolUnavailable
from weir.edge.health.counts import Counts

__all__ = ["CountedSpool"]


class CountedSpool(Spool):
    """As ``Spool``; a record is counted before it is taken, so that a full disk does not stop the numbers."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.counts = Counts()

    @property
    def queue_max(self) -> int:
        """How many records may wait."""
        return self._queue_max

    def put(self, record: AuditRecord, *, strict: bool = False) -> None:
        """As ``Spool.put``."""
        self.counts.take(record)
        try:
            super().put(record, strict=strict)
        except SpoolUnavailable:
            self.counts.untaken += 1
            raise

    async def durable(self, record: AuditRecord) -> None:
        """As ``Spool.durable``."""
        self.counts.take(record)
        try:
            await super().durable(record)
        except SpoolUnavailable:
            self.counts.untaken += 1
            raise
