"""One client connection: the order of events is mitmproxy's, without its tasks, and one write an event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, events, mode_servers, mode_specs
from mitmproxy.proxy.layers.http import HttpResponseHook

from harness.rig import mitmproxy
from harness.writers import Writer
from weir.edge.hooks import TableAddonManager
from weir.edge.wire import handler as module
from weir.edge.wire.corked import CorkedWriter
from weir.edge.wire.handler import WeirConnectionHandler


@dataclass
class AskedHook(commands.StartHook):
    name = "asked"
    number: int


@dataclass
class ToldHook(commands.StartHook):
    name = "told"
    blocking = False
    number: int


class Addon:
    """Listens to the hooks; those whose number is in `wait` take a turn of the loop, or until `gate` opens."""

    name = "addon"

    def __init__(self, heard: list[Any], wait: tuple[int, ...], gate: asyncio.Event | None = None) -> None:
        self.heard, self.wait, self.gate = heard, wait, gate

    def asked(self, number: int) -> Any:
        self.heard.append(("asked", number))
        return self.later(number) if number in self.wait else None

    told = asked

    def response(self, number: int) -> None:
        self.heard.append(("response", number))

    async def later(self, number: int) -> None:
        await (self.gate.wait() if self.gate else asyncio.sleep(0))
        self.heard.append(("went on", number))


class Script:
    """A layer that answers data by hooks and writes, as a stream of HTTP does."""

    def __init__(self, client: connection.Client, heard: list[Any]) -> None:
        self.client, self.heard = client, heard

    def handle_event(self, event: events.Event) -> Iterator[commands.Command]:
        if isinstance(event, events.DataReceived):
            number = int(event.data)
            self.heard.append(("data", number))
            yield commands.SendData(self.client, b"a%d " % number)
            yield AskedHook(number)
            yield ToldHook(number)
            yield commands.SendData(self.client, b"b%d " % number)
            if number == 13:
                raise ValueError("canary")
        elif isinstance(event, events.HookCompleted):
            assert isinstance(event.command, commands.StartHook)
            name, (number,) = event.command.name, event.command.args()
            self.heard.append((f"{name} completed", number))
            yield commands.SendData(self.client, b"c%d " % number)
            if name == "asked":
                yield HttpResponseHook(number)  # type: ignore[arg-type]


class Bench:
    """A handler of one kind over the script."""

    def __init__(self, kind: Any, manager: Any, wait: tuple[int, ...] = (), gate: asyncio.Event | None = None) -> None:
        self.heard: list[Any] = []
        self.socket = Writer()
        with mitmproxy(proxyserver.Proxyserver()) as tctx:
            master: Any = SimpleNamespace(options=tctx.options, commands=tctx.master.commands)
            master.addons = manager(tctx.master)
            master.addons.add(Addon(self.heard, wait, gate))
            mode = mode_specs.ProxyMode.parse("regular")
            self.handler = kind(master, asyncio.StreamReader(), self.socket, tctx.options, mode)
        self.client = self.handler.client
        self.handler.layer = Script(self.client, self.heard)

    async def data(self, *numbers: int) -> None:
        for number in numbers:
            await self.handler.server_event(events.DataReceived(self.client, b"%d" % number))

    async def settled(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.heard) < count:  # noqa: ASYNC110
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)


def played(kind: Any, manager: Any, wait: tuple[int, ...]) -> Bench:
    async def main() -> Bench:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # as every Master does
        bench = Bench(kind, manager, wait)
        for number in (1, 2, 3):
            await bench.data(number)
            await bench.settled(6 * number)
        return bench

    return asyncio.run(main())


ORDER = ["data", "asked", "asked", "asked completed", "response", "response completed"]


@pytest.mark.parametrize("wait", [(), (2,), (1, 2, 3)])
def test_the_order_of_events_is_mitmproxys(wait: tuple[int, ...]) -> None:
    ours = played(WeirConnectionHandler, TableAddonManager, wait)
    theirs = played(mode_servers.ProxyConnectionHandler, AddonManager, wait)
    for number in (1, 2, 3):
        for bench in (ours, theirs):
            assert [what for what, about in bench.heard if about == number and what != "went on"] == ORDER
    assert b"".join(ours.socket.done) == b"".join(theirs.socket.done)
    assert len(theirs.socket.done) == 12  # every piece by itself


def test_one_write_an_event_and_none_held_back_for_accounting() -> None:
    bench = played(WeirConnectionHandler, TableAddonManager, ())
    # The first goes out before `response` is called, so that the client does not wait for what it does.
    assert bench.socket.done[:2] == [b"a1 b1 c1 ", b"c1 "]
    assert len(bench.socket.done) == 6


def test_under_another_master_it_only_corks() -> None:
    bench = played(WeirConnectionHandler, AddonManager, (2,))
    assert not bench.handler._in_place
    stock = played(mode_servers.ProxyConnectionHandler, AddonManager, (2,))
    assert b"".join(bench.socket.done) == b"".join(stock.socket.done)


def test_one_that_waits_does_not_hold_up_the_others() -> None:
    async def main() -> None:
        gate = asyncio.Event()
        bench = Bench(WeirConnectionHandler, TableAddonManager, (1,), gate)
        await bench.data(1, 2)
        await asyncio.sleep(0)
        assert ("asked completed", 2) in bench.heard and ("asked completed", 1) not in bench.heard
        assert bench.handler.timeout_watchdog.blocker > 0  # a connection is not idle while a hook of it waits
        gate.set()
        await bench.settled(13)
        assert ("asked completed", 1) in bench.heard and not bench.handler._tasks
        assert bench.handler.timeout_watchdog.blocker == 0

    asyncio.run(main())


@pytest.mark.parametrize(("rests", "asked"), [(True, 0), (False, 1)])
def test_only_who_has_something_left_is_waited_for(rests: bool, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CorkedWriter, "at_rest", lambda _: rests)

    async def drained() -> int:
        bench = Bench(WeirConnectionHandler, TableAddonManager)
        await bench.handler.drain_writers()
        return bench.socket.done.count("drain")

    assert asyncio.run(drained()) == asked


def test_a_crash_ends_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Bench:
        bench = Bench(WeirConnectionHandler, TableAddonManager)
        bench.handler.transports[bench.client].handler = asyncio.create_task(asyncio.sleep(60))
        await bench.data(13)
        return bench

    with caplog.at_level(logging.ERROR):
        bench = asyncio.run(main())
    assert "mitmproxy has crashed!" in caplog.text
    assert ("asked completed", 13) in bench.heard  # a hook that had completed already is not forgotten
    assert bench.socket.done[0].startswith(b"a13 b13 ")
    assert bench.client.state is connection.ConnectionState.CLOSED  # nobody waits for an answer that nobody gives


def commanded(*made: Callable[[Bench], commands.Command]) -> tuple[Bench, list[Any]]:
    """Carry commands out, and see what reaches the layer in consequence."""
    reached: list[Any] = []

    class Once:
        def __init__(self, bench: Bench) -> None:
            self.bench = bench

        def handle_event(self, event: events.Event) -> Iterator[commands.Command]:
            reached.append(event)
            if isinstance(event, events.Start):
                yield from (make(self.bench) for make in made)

    async def main() -> Bench:
        bench = Bench(WeirConnectionHandler, TableAddonManager)
        bench.handler.layer = Once(bench)
        bench.handler.transports[bench.client].handler = asyncio.create_task(asyncio.sleep(60))
        await bench.handler.server_event(events.Start())
        await asyncio.sleep(0.05)
        return bench

    return asyncio.run(main()), reached


def test_closing_sends_what_was_written_before() -> None:
    bench, _ = commanded(
        lambda b: commands.SendData(b.client, b"last words"),
        lambda b: commands.CloseTcpConnection(b.client, half_close=True),
    )
    assert bench.socket.done == [b"last words", "eof"]
    assert not bench.client.state & connection.ConnectionState.CAN_WRITE
    bench, _ = commanded(
        lambda b: commands.SendData(b.client, b"last words"), lambda b: commands.CloseConnection(b.client)
    )
    assert bench.socket.done == [b"last words"] and bench.client.state is connection.ConnectionState.CLOSED


def test_a_connection_is_opened_and_its_writer_corked(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, seen = Writer(), []

    async def open_connection(self: Any, command: commands.OpenConnection) -> None:
        io = self.transports[command.connection]
        self.transports[command.connection] = type(io)(handler=io.handler, writer=upstream)
        seen.append(command.connection.address)

    monkeypatch.setattr(WeirConnectionHandler, "open_connection", open_connection)
    server = connection.Server(address=("api.openai.com", 443))
    bench, _ = commanded(lambda b: commands.OpenConnection(server))
    assert seen == [("api.openai.com", 443)]
    assert isinstance(bench.handler.transports[server].writer, CorkedWriter)
    assert isinstance(bench.handler.transports[bench.client].writer, CorkedWriter)


def test_the_other_commands(caplog: pytest.LogCaptureFixture) -> None:
    gone = connection.Server(address=("gone.example", 443))
    with caplog.at_level(logging.INFO):
        bench, reached = commanded(
            lambda b: commands.SendData(gone, b"x"),
            lambda b: commands.CloseConnection(gone),
            lambda b: commands.Log("a line", logging.INFO),
            lambda b: commands.RequestWakeup(0.001),
        )
    assert [type(e) for e in reached] == [events.Start, events.Wakeup]
    assert "a line" in caplog.text and bench.socket.done == []


@pytest.mark.usefixtures("put_back")
def test_install() -> None:
    module.install()
    module.install()
    assert mode_servers.ProxyConnectionHandler is WeirConnectionHandler
