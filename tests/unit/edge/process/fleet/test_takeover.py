"""A worker listens on sockets that it was given, and takes over those of another while that one is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from mitmproxy.proxy import mode_servers

from weir.edge.process.fleet.listening import Bound, bind
from weir.edge.process.fleet.seat import Seat
from weir.edge.process.fleet.takeover import Takeover


@pytest.fixture
def bound() -> Iterator[list[Bound]]:
    made = bind([("127.0.0.1", 0)], 2)
    yield made
    for one in made:
        one.socket.close()


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode_servers.AsyncioServerInstance, "listen", mode_servers.AsyncioServerInstance.listen)


async def answered(address: tuple[str, int], count: int) -> int:
    """How many of so many connections are greeted soon."""

    async def one() -> bool:
        reader, writer = await asyncio.open_connection(*address)
        try:
            return await asyncio.wait_for(reader.read(2), 0.5) == b"hi"
        except TimeoutError:
            return False
        finally:
            writer.close()

    return sum(await asyncio.gather(*(one() for _ in range(count))))


async def test_it_serves_its_own_and_those_it_is_told_to(bound: list[Bound]) -> None:
    sockets = {("127.0.0.1", 0): {one.slot: [one.socket] for one in bound}}
    ours, theirs = socket.socketpair()
    takeover = Takeover(Seat(1, 2, theirs, sockets))
    takeover.install()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hi")
        writer.close()

    instance = SimpleNamespace(handle_stream=greet, is_running=True, _servers=[])
    listen = mode_servers.AsyncioServerInstance.listen
    with pytest.raises(OSError, match="no socket"):
        await listen(instance, "127.0.0.1", 81)  # type: ignore[arg-type]
    instance._servers = await listen(instance, "127.0.0.1", 0)  # type: ignore[arg-type]
    address = bound[0].socket.getsockname()
    some = await answered(address, 24)
    assert 0 < some < 24, "the others wait for worker 2"
    await takeover.serve([1, 2])
    assert await answered(address, 24) == 24 and len(instance._servers) == 2
    await takeover.serve([1])
    assert 0 < await answered(address, 24) < 24 and len(instance._servers) == 1
    instance.is_running = False
    await takeover.serve([1, 2])
    assert len(instance._servers) == 1, "one that drains accepts nothing more"
    for server in instance._servers:
        server.close()
    assert bound[0].socket.fileno() >= 0
    ours.close()
    theirs.close()
