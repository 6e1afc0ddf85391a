from __future__ import annotations

import asyncio

import pytest

from weir.audit.content.sealer import DataKey, Sealed
from weir.audit.content.waiting import ContentUnavailable, Item, resolve

SEALED = Sealed("id", 1, DataKey(b"k" * 16, b"s" * 32, b"u" * 16, b"c" * 16, 1, 1, 1), b"payload", "hash")


def test_those_who_wait_are_answered_once() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        items = [Item(SEALED), Item(SEALED, loop.create_future()), Item(SEALED, loop.create_future())]
        first, second = items[1].waiter, items[2].waiter
        assert first and second
        resolve(items[:2])
        resolve(items, "no space")
        await first
        with pytest.raises(ContentUnavailable, match="no space"):
            await second
        assert [item.waiter for item in items] == [None] * 3

    asyncio.run(run())


def test_who_gave_up_and_who_is_gone_are_passed_by() -> None:
    async def run() -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        resolve([Item(SEALED, future)])
        await asyncio.sleep(0)
        return asyncio.get_running_loop().create_future()

    left = asyncio.run(run())
    resolve([Item(SEALED, left)])  # its loop is closed
    assert not left.done()
