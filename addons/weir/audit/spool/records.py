"""A record of what weir did to its own audit, from a process that has no spool: the ingester, or a command.

It is written durably as a chain of its own, which is signed, ingested and verified like every other.
"""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.writer import Spool, SpoolUnavailable
from weir.datadir import DataDir

__all__ = ["new_boot_id", "tell_retention", "write_records"]

_SEGMENT_BYTES = 64 << 10
_TIMEOUT_S = 10.0


def new_boot_id() -> str:
    """An id for a new chain, 16 hex digits: chains sort by the millisecond they were begun in."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(2)}"


def write_records(spool: Path, proxy_id: str, records: Sequence[AuditRecord]) -> None:
    """Return once the records are on disk. ``spool``: its directory. Raises OSError when they are not."""
    writer = Spool(spool, proxy_id, new_boot_id(), segment_bytes_max=_SEGMENT_BYTES, queue_max=max(len(records), 1))
    writer.start()
    try:
        for record in records:
            writer.put(record, strict=True)
        if not writer.flush(_TIMEOUT_S):
            raise SpoolUnavailable("the disk did not answer in time")
    except SpoolUnavailable as problem:
        raise OSError(errno.EIO, f"a record could not be written to the audit ({problem})") from None
    finally:
        writer.close(0)


def tell_retention(data: Path, told: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Record what goes because its time is over: reason and figures of each ``retention`` record.

    To be called before anything goes: a crash then leaves too much told, never too little.
    Raises OSError, DataDirError.
    """
    home, records = DataDir(data), []
    for reason, figures in told:
        made, now = new_event_id(), now_us()
        records.append(
            AuditRecord(
                event_id=made,
                exchange_id=made,
                kind="retention",
                ts=now,
                ts_end=now,
                reason=reason,
                extra=orjson.dumps(figures).decode(),
            )
        )
    write_records(home.spool, home.proxy_id, records)
