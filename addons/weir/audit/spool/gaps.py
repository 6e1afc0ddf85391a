"""The records by which the spool says that records are missing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weir.audit.record import AuditRecord, new_event_id, now_us

__all__ = ["Outage", "gap", "stub"]


@dataclass(frozen=True, slots=True)
class Outage:
    """``since`` and ``until`` in µs since 1970 UTC; ``reason``: why nothing could be written, in a few words."""

    since: int
    until: int
    reason: str


def gap(lost: int, outage: Outage | None) -> AuditRecord:
    """So many records are missing, for an outage or because they were too many at once."""
    record = AuditRecord(event_id=new_event_id(), kind="gap", ts=now_us(), dropped=lost)
    if outage is None:
        return replace(record, reason="the audit queue was full")
    reason = f"the audit spool could not write: {outage.reason}"
    return replace(record, ts=outage.since, ts_end=outage.until, reason=reason)


def stub() -> AuditRecord:
    """What stands in the place of a record that is none."""
    return AuditRecord(
        event_id=new_event_id(), kind="gap", ts=now_us(), dropped=1, reason="a record could not be encoded"
    )
