"""A worker's part in its fleet."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from mitmproxy import ctx
from mitmproxy.proxy import mode_servers

from harness.rig import Rig
from weir.edge.process.fleet.seat import Seat
from weir.edge.process.fleet.seated import Seated


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    servers = SimpleNamespace(listen_addrs=lambda: [("127.0.0.1", 8080)])
    made = SimpleNamespace(addons={"proxyserver": servers}, ended=0)
    made.shutdown = lambda: setattr(made, "ended", made.ended + 1)
    monkeypatch.setattr(ctx, "master", made, raising=False)
    monkeypatch.setattr(mode_servers.AsyncioServerInstance, "listen", mode_servers.AsyncioServerInstance.listen)
    return made


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def test_it_says_ready_hears_and_leaves(
    rig: Rig, master: SimpleNamespace, line: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = line
    rig.state.seat = Seat(2, 2, theirs, {})
    seated = Seated(rig.state, rig.state.seat)
    seated.running()
    first, second = ours.recv(10_000).splitlines()
    ready = json.loads(first)["ready"]
    assert json.loads(second) == {"beat": 1}
    own = rig.state.data.run / "worker-2.json"
    assert ready["listen"] == [["127.0.0.1", 8080]] and ready["drain_s"] == rig.state.drain_s and own.exists()
    assert not (rig.state.data.run / "weir.json").exists(), "that is the parent's"
    heard = {"topic": "found", "said": {"host": "llm.example"}}
    ours.sendall(json.dumps({"heard": heard}).encode() + b'\n{"serve": [1, 2]}\n{"leave": 2}\n')
    async with asyncio.timeout(60):
        while not master.ended:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "llm.example" in rig.state.found and rig.state.gentle_s == 2
    ours.shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(60):
        while master.ended < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    seated.done()
    assert not own.exists()


@pytest.mark.parametrize(("number", "rates", "warned"), [(1, True, True), (2, True, False), (1, False, False)])
async def test_one_worker_says_that_rates_are_counted_by_each(
    number: int,
    rates: bool,
    warned: bool,
    make_rig: Callable[..., Rig],
    master: SimpleNamespace,
    line: tuple[socket.socket, socket.socket],
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = make_rig(rates=[{"scope": "user", "requests": 60}]) if rates else make_rig()
    rig.state.seat = Seat(number, 3, line[1], {})
    seated = Seated(rig.state, rig.state.seat)
    seated.running()
    assert ("each of 3 workers counts rates for itself" in caplog.text) is warned
    seated.done()


async def test_what_another_has_written_stays(
    rig: Rig, master: SimpleNamespace, line: tuple[socket.socket, socket.socket]
) -> None:
    seated = Seated(rig.state, Seat(1, 2, line[1], {}))
    own = rig.state.data.run / "worker-1.json"
    own.write_text('{"pid": 1}')
    seated.done()
    assert own.exists() and master.ended == 0
