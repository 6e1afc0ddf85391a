"""An erasure and the audit's word of it: keys are destroyed first, the record follows, and a crash between is mended.

The record is an event of its own in the chain; rows of before are not touched, so the chain verifies as it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from weir.audit.content.keystore import Done, KeyStore
from weir.audit.record import AuditRecord, new_event_id, now_us

__all__ = ["Append", "complete", "erase", "reading_record"]

Append = Callable[[AuditRecord], None]  # returns when the record is on disk


def erase(
    store: KeyStore, of: str, name: str, *, by: str, reason: str, append: Append, also: Mapping[str, int] | None = None
) -> Done:
    """Erase all kept texts of a user or a conversation and record it. May be repeated at any time.

    ``by`` and ``reason`` say who wanted it and why, ``also`` what else of them is gone, and how much.

    Raises ValueError for an empty name or an ``of`` that is none of SUBJECTS, KeyFileError or OSError when the keys
    can't be destroyed, and what ``append`` raises: then the keys are gone and ``complete`` writes the record later.
    """
    done = store.erase(of, name, now_us())
    named = {"user": name} if of == "user" else {"conversation_id": name}
    append(_record(done, f"erased by {by}: {reason}", named, also or {}))
    store.recorded(done.event_id)
    return done


def complete(store: KeyStore, append: Append) -> list[Done]:
    """Finish erasures that a crash interrupted, keys and records: for every start, before texts are written again.

    Their subjects are known by digest only. Under the same event id as the interrupted one: should its record have
    reached the disk after all, both say the same.
    """
    found = store.resume(now_us())
    for done in found:
        append(_record(done, "an interrupted erasure was completed", {}, {}))
        store.recorded(done.event_id)
    return found


def reading_record(event_id: str, exchange_id: str, *, by: str, reason: str, outcome: str) -> AuditRecord:
    """The record of somebody reading an event's texts, to be on disk before they are shown.

    ``outcome``: ``opened``, or why not (as in the reader's Unreadable). It is an event of its own, of kind
    ``disclosure``: it bears the exchange of what was read, and its ``extra`` names the event.
    """
    return AuditRecord(
        event_id=new_event_id(),
        exchange_id=exchange_id,
        kind="disclosure",
        ts=now_us(),
        reason=reason,
        extra=orjson.dumps({"by": by, "event": event_id, "outcome": outcome}).decode(),
    )


def _record(done: Done, reason: str, named: Mapping[str, str], also: Mapping[str, int]) -> AuditRecord:
    told = {"of": done.of, "subject": done.subject, "keys": done.keys, "until": done.at_us, **also}
    return AuditRecord(
        event_id=done.event_id,
        exchange_id=done.event_id,
        kind="erasure",
        ts=now_us(),
        reason=reason,
        extra=orjson.dumps(told).decode(),
        user=named.get("user", ""),
        conversation_id=named.get("conversation_id", ""),
    )
