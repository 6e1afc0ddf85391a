"""Queued records and the coroutines that wait for them: how a writer thread answers event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from weir.audit.record import AuditRecord

__all__ = ["Item", "SpoolUnavailable", "resolve"]


class SpoolUnavailable(Exception):
    """The audit cannot promise that a record is or will be on disk. It may still get there later."""


class Item:
    """A record in the queue, with the future of whoever waits until it is durable."""

    __slots__ = ("record", "waiter")

    def __init__(self, record: AuditRecord, waiter: asyncio.Future[None] | None = None) -> None:
        self.record = record
        self.waiter = waiter


def resolve(items: Iterable[Item], problem: str = "") -> None:
    """Answer the waiters in their own event loops, one call a loop: success, or SpoolUnavailable with ``problem``."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for item in items:
        waiter, item.waiter = item.waiter, None
        if waiter is not None:
            loops.setdefault(waiter.get_loop(), []).append(waiter)
    for loop, waiters in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, waiters, problem)


def _settle(waiters: list[asyncio.Future[None]], problem: str) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if problem:
            waiter.set_exception(SpoolUnavailable(f"the audit spool cannot write: {problem}"))
        else:
            waiter.set_result(None)
