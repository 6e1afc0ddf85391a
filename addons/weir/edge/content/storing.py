"""A record and the texts that belong to it: both stored, the record with the hash of what was stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weir.audit.content.sealer import Sealed
from weir.audit.content.waiting import ContentUnavailable
from weir.audit.content.writer import ContentWriter
from weir.audit.record import AuditRecord
from weir.edge.content.keeping import Kept
from weir.edge.process.workers import WorkersBusy, WorkersTimeout

if TYPE_CHECKING:
    from weir.edge.state import State

__all__ = ["put", "store"]

log = logging.getLogger("weir.audit")
NOT_KEPT = "its texts could not be kept"
SEAL_S = 4.0  # what encrypting may take in a worker


def store(state: State, record: AuditRecord, kept: Kept | None) -> Awaitable[None] | None:
    """As `State.record`, with the texts: what to await before anything is forwarded, or nothing.

    Awaiting raises SpoolUnavailable when the record is not on disk, ContentUnavailable when only its texts are not.
    """
    state.met(record)
    writer = state.content
    if kept is None or writer is None:
        return state.record(record)
    if kept.heavy:
        return _elsewhere(state, writer, record, kept)
    return _store(state, _sealed(writer, record, kept))


def put(state: State, record: AuditRecord, kept: Kept | None) -> None:
    """As `Spool.put`, with the texts: nothing waits for the disk, nor for a worker that has to encrypt them."""
    state.met(record)
    writer = state.content
    if kept is None or writer is None:
        state.spool.put(record)
    elif kept.heavy:
        # A task of its own: a client that goes away does not take the record with it. A shutdown waits for it.
        task = asyncio.get_running_loop().create_task(_put_later(state, writer, record, kept))
        state.sealing.add(task)
        task.add_done_callback(state.sealing.discard)
    else:
        try:
            done = _sealed(writer, record, kept)
        except Exception as error:  # noqa: BLE001  whatever became of the texts, the record must not go with them
            log.error("texts could not be encrypted: %s", type(error).__name__)
            state.spool.put(_unkept(record))
            return
        _put(state, done)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A record and what belongs to it. ``before``: the record that knew nothing of texts."""

    record: AuditRecord
    before: AuditRecord
    sealed: Sealed | None
    writer: ContentWriter  # that has encrypted them

    @property
    def bare(self) -> AuditRecord:
        """The record for when the texts can't be stored after all; seldom asked for, so not made in advance."""
        return _unkept(self.before)


def _sealed(writer: ContentWriter, record: AuditRecord, kept: Kept) -> _Ready:
    texts, before = kept.make(), record
    if texts.cut:  # not yet by the writer's bounds
        record = _unkept(record)
    sealed = writer.seal(
        texts,
        event_id=record.event_id,
        user=kept.user,
        conversation=kept.conversation,
        ts_us=kept.ts_us,
        expires_day=kept.expires_day,
    )
    if sealed is None:
        return _Ready(record, before, None, writer)
    # The last record of a socket names all calls; those of its turns stand with these.
    hashes = (*[""] * (len(record.tool_calls) - len(sealed.args_ct_hashes)), *sealed.args_ct_hashes)
    calls = tuple(replace(call, args_ct_hash=hashes[at]) for at, call in enumerate(record.tool_calls))
    return _Ready(replace(record, content_ct_hash=sealed.content_ct_hash, tool_calls=calls), before, sealed, writer)


def _store(state: State, ready: _Ready) -> Awaitable[None] | None:
    if ready.sealed is not None and state.strict:
        return _both(state.spool.durable(ready.record), _writer(state, ready).durable(ready.sealed))
    return state.record(_queued(state, ready))


def _writer(state: State, ready: _Ready) -> ContentWriter:
    """Who is to store them: a reload may have put another writer in place meanwhile, or none."""
    return state.content or ready.writer


def _queued(state: State, ready: _Ready) -> AuditRecord:
    """The record to be written: one that names texts only if these were accepted."""
    if ready.sealed is None or _writer(state, ready).put(ready.sealed):
        return ready.record
    return ready.bare


async def _both(record: Awaitable[None], texts: Awaitable[None]) -> None:
    for outcome in await asyncio.gather(record, texts, return_exceptions=True):
        if outcome is not None:
            raise outcome


def _put(state: State, ready: _Ready) -> None:
    state.spool.put(_queued(state, ready))


async def _elsewhere(state: State, writer: ContentWriter, record: AuditRecord, kept: Kept) -> None:
    try:
        done = await _worked(state, writer, record, kept)
    except (WorkersBusy, WorkersTimeout) as error:
        waits = state.record(_unkept(record))
        if waits is None:
            return
        await waits
        raise ContentUnavailable(f"texts could not be encrypted in time ({type(error).__name__})") from None
    waits = _store(state, done)
    if waits is not None:
        await waits


async def _put_later(state: State, writer: ContentWriter, record: AuditRecord, kept: Kept) -> None:
    try:
        done = await _worked(state, writer, record, kept)
    except Exception as error:  # noqa: BLE001  whatever became of the texts, the record must not go with them
        log.error("texts could not be encrypted: %s", type(error).__name__)
        state.spool.put(_unkept(record))
        return
    _put(state, done)


async def _worked(state: State, writer: ContentWriter, record: AuditRecord, kept: Kept) -> _Ready:
    return await state.workers.run(_sealed, writer, record, kept, timeout_s=SEAL_S, owner=record.src_ip)


def _unkept(record: AuditRecord) -> AuditRecord:
    reason = "; ".join(filter(None, (record.reason, NOT_KEPT)))
    return replace(record, reason=reason)
