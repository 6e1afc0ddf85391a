"""What waits for an HTTP/2 peer is counted, and who makes more has to wait."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import dataclass

from mitmproxy import connection

from weir.edge.bounds.kept import Backlog, Bounds
from weir.edge.trace import link_of


def test_what_is_taken_is_told_by_what_waits() -> None:
    backlog = Backlog(100)
    backlog.now(80, 80)
    assert (backlog.held, backlog.taken) == (80, 0)
    backlog.now(120, 60)
    assert (backlog.held, backlog.taken) == (120, 20)
    backlog.now(0)
    assert (backlog.held, backlog.taken) == (0, 140)


def test_over_the_limit_one_waits_until_half_of_it_has_gone() -> None:
    async def story() -> None:
        backlog = Backlog(100)
        backlog.now(100, 100)
        await backlog.room()
        backlog.now(101, 1)
        waits = asyncio.create_task(backlog.room())
        await asyncio.sleep(0)
        backlog.now(51)
        await asyncio.sleep(0)
        assert not waits.done()
        backlog.now(50)
        await waits
        backlog.now(200, 150)
        waits = asyncio.create_task(backlog.room())
        await asyncio.sleep(0)
        backlog.end()
        await waits

    asyncio.run(story())


def test_connections_share_nothing() -> None:
    assert Bounds().receiving is not Bounds().receiving


def test_a_client_that_has_gone_is_kept_by_nothing() -> None:
    client = connection.Client(peername=("192.0.2.1", 1), sockname=("192.0.2.2", 2))
    bounds = link_of(client).bounds
    backlog = bounds.backlogs[client] = Backlog(10)
    backlog.now(20)
    bounds.receiving[1] = Coming(client)
    gone = weakref.ref(client)
    bounds.end()
    assert backlog.held == 0, "nobody waits for it"
    del client
    gc.collect()
    assert gone() is None


@dataclass
class Coming:
    """A body on its way, which knows whose it is."""

    client: connection.Client

    def received(self) -> int:
        return 0

    def since(self) -> float:
        return 0.0
