"""A name that nobody answers for holds up nobody but who asked for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from weir.edge.bounds.lookups import Shares


def test_who_asks_for_slow_names_has_a_share() -> None:
    async def tell() -> None:
        shares, slow, begun = Shares(2), asyncio.Event(), 0

        async def look() -> str:
            nonlocal begun
            begun += 1
            await slow.wait()
            return "found"

        many = [asyncio.create_task(shares.ask("192.0.2.1", look)) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert begun == 2
        many[0].cancel()  # has gone, and its look-up goes on
        many[4].cancel()  # has gone before it had its turn
        await asyncio.sleep(0.01)
        assert begun == 2

        async def quick() -> str:
            return "at once"

        assert await shares.ask("192.0.2.2", quick) == "at once"
        slow.set()
        assert await asyncio.gather(*many[1:4]) == ["found"] * 3
        await asyncio.sleep(0)
        assert len(shares) == 0

    asyncio.run(tell())


def test_what_fails_says_so() -> None:
    async def tell() -> None:
        async def look() -> Any:
            raise OSError("no such name")

        shares = Shares()
        with pytest.raises(OSError, match="no such name"):
            await shares.ask("192.0.2.1", look)
        assert len(shares) == 0

    asyncio.run(tell())
