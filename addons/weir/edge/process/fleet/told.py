"""What the parent has to tell the audit: it has no spool of its own, so each record is a small chain."""

from __future__ import annotations

import asyncio
import logging

from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.records import write_records
from weir.datadir import DataDir, DataDirError

__all__ = ["Told"]

log = logging.getLogger("weir.fleet")


class Told:
    """Records of kind ``config``, one now and then: a worker that died, a restart."""

    def __init__(self, data: DataDir) -> None:
        self._data = data

    async def tell(self, what: str, policy_hash: str = "") -> bool:
        """Return once it is on disk; False when it can't be, which is logged and keeps nobody from going on."""
        made, now = new_event_id(), now_us()
        record = AuditRecord(
            event_id=made, exchange_id=made, kind="config", ts=now, ts_end=now, reason=what, policy_hash=policy_hash
        )
        try:
            await asyncio.to_thread(write_records, self._data.spool, self._data.proxy_id, [record])
        except (OSError, DataDirError) as error:
            log.error("the audit could not be told (%s)", type(error).__name__)
            return False
        return True
