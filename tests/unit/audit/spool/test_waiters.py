from __future__ import annotations

import asyncio
import threading

import pytest

from weir.audit.record import AuditRecord
from weir.audit.spool.waiters import Item, SpoolUnavailable, resolve


def answered(problem: str) -> None:
    """Wait for a record that a second thread answers."""

    async def wait() -> None:
        item = Item(AuditRecord(), asyncio.get_running_loop().create_future())
        waiter = item.waiter
        assert waiter is not None
        threading.Thread(target=resolve, args=([item, Item(AuditRecord())], problem)).start()
        await asyncio.wait_for(waiter, 60)
        assert item.waiter is None

    asyncio.run(wait())


def test_success_and_failure_reach_the_waiting_loop() -> None:
    answered("")
    with pytest.raises(SpoolUnavailable, match="disk full"):
        answered("disk full")


def test_a_waiter_that_gave_up_or_whose_loop_is_gone_is_no_problem() -> None:
    async def given_up() -> Item:
        item = Item(AuditRecord(), asyncio.get_running_loop().create_future())
        assert item.waiter is not None
        item.waiter.cancel()
        return item

    gone = asyncio.run(given_up())
    resolve([gone])
    assert gone.waiter is None
