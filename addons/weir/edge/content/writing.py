"""The writer of kept texts as policy wants it: made at the start, exchanged by a reload, closed before the spool."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from weir.audit.content.bereft import bereft, write_husks
from weir.audit.content.boots import Boots
from weir.audit.content.choose import ContentPolicy, ContentRule
from weir.audit.content.erase import complete
from weir.audit.content.kek import KeyRingError
from weir.audit.content.keyfile import KeyFileError
from weir.audit.content.keystore import KeyStore
from weir.audit.content.writer import ContentWriter
from weir.audit.record import AuditRecord, new_event_id
from weir.datadir import DataDirError, write_private
from weir.edge.content.wrapping import Wrapping
from weir.edge.state import Snapshot, State
from weir.sections_audit import ContentSettings

__all__ = ["UNSTARTED", "Exchange", "close", "policy_of", "prepare", "start", "tell", "why_not"]

log = logging.getLogger("weir.audit")
FLUSH_S = 5.0
# What starting raises: there is no wrapping key, the key file is damaged, the disk refuses.
UNSTARTED = (KeyRingError, KeyFileError, DataDirError, OSError)

Exchange = Callable[[], ContentWriter | None]  # puts the prepared writer in place; gives the one to be closed


def policy_of(section: ContentSettings) -> ContentPolicy:
    """The policy's section as the decision wants it."""
    rules = (ContentRule(one.keep, one.days, one.services, one.teams, one.rules) for one in section.exceptions)
    return ContentPolicy(section.keep, section.days, tuple(rules))


def why_not(error: Exception) -> str:
    """One line without content: what keeps texts from being written."""
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror or 'no reason given'}"
    return str(error)


def start(state: State) -> None:
    """Finish erasures that a crash interrupted, tell of texts that it took, and start the writer if the policy keeps
    anybody's texts.

    The spool runs already. Raises one of UNSTARTED.
    """
    store = KeyStore(state.data.path / "content")
    if store.file.exists():
        complete(store, lambda record: _append(state, record))
    try:
        _tell_bereft(state)
    except (OSError, DataDirError, KeyFileError) as error:  # the next start tries again
        log.error("texts that were lost could not be looked for: %s", why_not(error))
    if state.snapshot.content.keeps_any:
        state.content = _writer(state, state.snapshot)


def prepare(state: State, snapshot: Snapshot) -> Exchange:
    """What ``snapshot`` needs, made ready off the event loop: nothing changes until what is returned is called.

    Raises ValueError: then the policy is not to be taken.
    """
    now, wanted = state.content, snapshot.content.keeps_any
    made = now if wanted else None
    if wanted and (now is None or _reference(snapshot) != _reference(state.snapshot)):
        try:
            made = _writer(state, snapshot)
        except UNSTARTED as error:
            raise ValueError(f"the texts that audit.content wants kept cannot be: {why_not(error)}") from None

    def exchange() -> ContentWriter | None:
        state.content = made
        return now if now is not made else None

    return exchange


def close(state: State, timeout_s: float) -> None:
    """Write what is queued and stop."""
    writer = state.content
    if writer is not None and not writer.close(timeout_s):
        return
    try:
        _boots(state).ended(_chain(state))
    except (OSError, DataDirError) as error:  # then the next start looks through this boot, and finds nothing
        log.warning("that texts were written to the end could not be noted: %s", why_not(error))


def tell(state: State, before: bytes) -> bytes:
    """Write down for ``weir doctor`` how the writer is, when that is another than ``before``; what was told.

    Raises DataDirError.
    """
    writer = state.content
    if writer is None:
        told = b""
        (state.data.run / "content.json").unlink(missing_ok=True)
    else:
        # Not every text that waits is worth a file: what doctor asks is whether they pile up.
        lag = writer.lag // 100 * 100
        said = {"healthy": writer.healthy, "refused": writer.refused, "lag": lag, "overtaken": writer.overtaken}
        told = json.dumps(said).encode()
        if told != before:
            write_private(state.data.run / "content.json", told)
    return told


def _writer(state: State, snapshot: Snapshot) -> ContentWriter:
    def gap(lost: int, since: int, until: int, why: str) -> None:
        state.spool.put(_gap(lost, since, until, why))

    def left(events: list[str]) -> None:
        try:
            _boots(state).left(_chain(state), events)
        except (OSError, DataDirError) as error:
            log.error("which texts could not be written could not be noted: %s", why_not(error))

    ring = Wrapping(state.data.path, _reference(snapshot))
    writer = ContentWriter(state.data.content, ring, on_gap=gap, on_left=left, room=state.spool.room)
    _boots(state).begun(_chain(state))
    writer.start()
    return writer


def _reference(snapshot: Snapshot) -> str | None:
    return snapshot.settings.audit.content.key


def _gap(lost: int, since: int, until: int, why: str) -> AuditRecord:
    made = new_event_id()
    return AuditRecord(
        event_id=made, exchange_id=made, kind="gap", ts=since, ts_end=until, dropped=lost, reason=f"content: {why}"
    )


def _tell_bereft(state: State) -> None:
    """Say of texts that boots which were killed have taken with them, in their places and in the audit."""
    found = bereft(state.data.path, _chain(state))
    if found.events:
        write_husks(state.data.path / "content", found.untold, state.snapshot.content.days)
        why = "weir ended before these texts were on disk"
        _append(state, _gap(len(found.events), *found.period_us(), why))
        log.warning("the texts of %d events were lost when weir ended before", len(found.events))
    if found.boots:  # last: whatever was not reached is done by the next start
        _boots(state).forget(found.boots)


def _boots(state: State) -> Boots:
    return Boots(state.data.path / "content")


def _chain(state: State) -> str:
    return f"{state.data.proxy_id}-{state.boot_id}"


def _append(state: State, record: AuditRecord) -> None:
    state.spool.put(record)
    if not state.spool.flush(FLUSH_S):
        raise OSError("the audit cannot be written")
