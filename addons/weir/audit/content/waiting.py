"""Encrypted events in the queue and the coroutines that wait for them: how a writer thread answers event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from weir.audit.content.sealer import Sealed
from weir.audit.spool.waiters import SpoolUnavailable

__all__ = ["ContentUnavailable", "Item", "resolve"]


class ContentUnavailable(SpoolUnavailable):
    """The content store cannot promise that texts are or will be on disk. They may still get there later."""


class Item:
    """An encrypted event, with the future of whoever waits until it is durable."""

    __slots__ = ("sealed", "waiter")

    def __init__(self, sealed: Sealed, waiter: asyncio.Future[None] | None = None) -> None:
        self.sealed, self.waiter = sealed, waiter


def resolve(items: Iterable[Item], problem: str = "") -> None:
    """Answer the waiters in their own event loops: success, or ContentUnavailable with ``problem``."""
    for item in items:
        waiter, item.waiter = item.waiter, None
        if waiter is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                waiter.get_loop().call_soon_threadsafe(_settle, waiter, problem)


def _settle(waiter: asyncio.Future[None], problem: str) -> None:
    if waiter.done():
        return
    if problem:
        waiter.set_exception(ContentUnavailable(f"the content store cannot write: {problem}"))
    else:
        waiter.set_result(None)
