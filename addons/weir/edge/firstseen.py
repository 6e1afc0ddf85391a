"""Says when an AI service is used for the first time: one record of kind ``first_seen``, once in a store's life."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import orjson

from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.shadow.sightings import SERVICES_MAX, Sightings

__all__ = ["FirstSeen"]

log = logging.getLogger("weir.shadow")
_WAITING_MAX = 1_000
_REST_S = 30.0  # after a file could not be used, until it is tried again


class FirstSeen:
    """Fed with every record; the disk is asked in a thread of its own, and only about services not met before.

    ``put`` takes a record from any thread. What can't be written is told in the log and costs the news, nothing else:
    it is tried again with a later record of the service. The service is noted before its record is queued, so a crash
    in between loses the news rather than tell it twice.
    """

    def __init__(self, sightings: Sightings, put: Callable[[AuditRecord], None]) -> None:
        self._sightings, self._put = sightings, put
        self._met: set[str] = set()  # noted, or being noted
        self._loaded = self._told = self._said_full = False
        self._rests_until = 0.0
        self._writer: ThreadPoolExecutor | None = None
        self._waiting: set[str] = set()

    def look(self, record: AuditRecord) -> None:
        """Take notice of the service that ``record`` is about. Costs a look-up in a set for all but the first."""
        service = record.service
        if not service or service in self._met:
            return
        if len(self._waiting) >= _WAITING_MAX:
            return
        if len(self._met) >= 2 * SERVICES_MAX:  # what is not noted is met again, and costs no more than a look-up
            self._full()
            return
        if time.monotonic() < self._rests_until:
            return
        self._met.add(service)
        self._waiting.add(service)
        self._writer = self._writer or ThreadPoolExecutor(1, "weir-first-seen")
        self._writer.submit(self._note, record)

    def close(self) -> None:
        """Wait until what was seen is on record."""
        if self._writer is not None:
            self._writer.shutdown(wait=True)
            self._writer = None

    def _note(self, record: AuditRecord) -> None:
        try:
            if not self._loaded:
                self._met |= self._sightings.known()
                self._loaded = True
            first = self._sightings.first(record.service, listed=not _discovered(record))
            if first:
                self._put(_event(record))
            elif first is None:
                self._full()
        except (sqlite3.Error, OSError) as error:
            if not self._told:
                log.warning("what services are new cannot be noted: %s", type(error).__name__)
            self._told = True
            self._rests_until = time.monotonic() + _REST_S
            self._met.discard(record.service)
        finally:
            self._waiting.discard(record.service)

    def _full(self) -> None:
        if not self._said_full:
            log.warning(
                "so many services are in use (%d) that no more first sightings are told; find out who makes up hosts, "
                "then remove services-seen.db from the data directory",
                SERVICES_MAX,
            )
        self._said_full = True


def _discovered(record: AuditRecord) -> bool:
    return record.service == record.host and not record.provider


def _event(record: AuditRecord) -> AuditRecord:
    extra = {"exchange": record.exchange_id}
    if _discovered(record):
        extra["discovered"] = "true"
    return AuditRecord(
        event_id=new_event_id(),
        exchange_id=new_event_id(),
        kind="first_seen",
        ts=record.ts,
        ts_end=now_us(),
        user=record.user,
        auth_method=record.auth_method,
        auth_strength=record.auth_strength,
        team=record.team,
        app=record.app,
        device=record.device,
        src_ip=record.src_ip,
        user_agent=record.user_agent,
        host=record.host,
        provider=record.provider,
        service=record.service,
        service_status=record.service_status,
        inspection=record.inspection,
        policy_hash=record.policy_hash,
        reason=f"{record.service} is used for the first time",
        extra=orjson.dumps(extra).decode(),
    )
