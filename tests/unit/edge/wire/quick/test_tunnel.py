"""The way past the layers of a tunnel does what they do: two of the same are played, one through each."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy import connection, options
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons

from weir.edge.wire import http1 as weir_http1
from weir.edge.wire.quick.tunnel import Shortcut, shortcut_of

CONNECT = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"


class Within(layer.Layer):
    """Answers each event with the commands that were put down for it."""

    script: list[commands.Command] = []  # noqa: RUF012  set by each test
    heard: list[Any] = []  # noqa: RUF012

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        self.heard.append(type(event).__name__ + repr(getattr(event, "data", b"")))
        script, self.script = self.script, []
        for command in script:
            answer = yield command
            if command.blocking:
                self.heard.append(answer)


class Tunnel:
    """The layers of one connection after a CONNECT that went well."""

    def __init__(self, opts: options.Options, status_line: bytes = CONNECT) -> None:
        self.client = connection.Client(
            peername=("192.0.2.1", 1), sockname=("192.0.2.2", 2), timestamp_start=0.0,
            state=connection.ConnectionState.OPEN, proxy_mode=ProxyMode.parse("regular"),
        )  # fmt: skip
        self.context = context.Context(self.client, opts)
        self.top = modes.HttpProxy(self.context)
        self.play(self.top, events.Start())
        assert shortcut_of(self.top) is None
        self.play(self.top, events.DataReceived(self.client, status_line))
        self.outer = self.top._handle_event.__self__.layer  # type: ignore[attr-defined]
        self.play(self.top, events.DataReceived(self.client, b"hello"))

    def play(self, top: Any, event: events.Event) -> list[str]:
        """Handle an event and all hooks after it; what came out."""
        out, waiting = [], [event]
        while waiting:
            for command in top.handle_event(waiting.pop(0)):
                out.append(self.shown(command))
                if isinstance(command, layer.NextLayerHook):
                    nextlayer = command.data
                    first = len(nextlayer.context.layers) == 1
                    nextlayer.layer = (
                        http_layers.HttpLayer(nextlayer.context, http_layers.HTTPMode.regular)
                        if first
                        else self.make_within(nextlayer.context)
                    )
                if isinstance(command, commands.StartHook) and command.blocking:
                    waiting.append(events.HookCompleted(command))
        return out

    def make_within(self, whole: context.Context) -> Within:
        self.within = Within(whole)
        self.within.heard = []
        return self.within

    def shown(self, command: commands.Command) -> str:
        whose = getattr(command, "connection", None)
        role = "" if whose is None else "client" if whose is self.client else "server"
        return f"{type(command).__name__} {role} {getattr(command, 'data', b'')!r:.60} {bool(command.blocking)}"

    def tables(self) -> tuple[Any, ...]:
        """What the outer layer remembers."""
        conns = {
            ("client" if c is self.client else "server", type(v).__name__) for c, v in self.outer.connections.items()
        }
        return sorted(conns), len(self.outer.command_sources), sorted(self.outer.streams), str(self.client.state)


@pytest.fixture
def opts() -> Any:
    weir_http1.install()
    with taddons.context(proxyserver.Proxyserver()) as tctx:
        tctx.options.connection_strategy = "lazy"
        yield tctx.options


def scripts(tunnel: Tunnel) -> dict[str, list[commands.Command]]:
    client, server = tunnel.client, tunnel.context.server
    return {
        "data": [commands.SendData(client, b"to you"), commands.SendData(server, b"to them")],
        "none": [commands.SendData(client, b""), commands.SendData(server, b"")],
        "log": [commands.Log("word"), commands.SendData(client, b"x")],
        "hook": [layer.NextLayerHook(layer.NextLayer(tunnel.context.fork())), commands.SendData(client, b"after")],
        "open": [commands.OpenConnection(server), commands.SendData(server, b"open now")],
        "wake": [commands.RequestWakeup(1.0)],
        "close client": [commands.SendData(client, b"last"), commands.CloseConnection(client)],
        "half": [commands.CloseTcpConnection(server, half_close=True)],
        "close server": [commands.CloseConnection(server)],
    }


def completed(tunnel: Tunnel, command: commands.Command) -> events.Event | None:
    if isinstance(command, commands.OpenConnection):
        tunnel.context.server.state = connection.ConnectionState.OPEN
        return events.OpenConnectionCompleted(command, None)
    return events.Wakeup(command) if isinstance(command, commands.RequestWakeup) else None


def run(tunnel: Tunnel, top: Any, name: str) -> list[Any]:
    """Data of the client, answered by the script; then what completes it, data of the server, and the client's end."""
    script = scripts(tunnel)[name]
    tunnel.within.script = script
    out: list[Any] = [tunnel.play(top, events.DataReceived(tunnel.client, b"data")), tunnel.tables()]
    for command in script:
        if (event := completed(tunnel, command)) is not None:
            out += [tunnel.play(top, event), tunnel.tables()]
            if isinstance(command, commands.OpenConnection):
                tunnel.within.script = [commands.SendData(tunnel.client, b"back")]
                out += [tunnel.play(top, events.DataReceived(tunnel.context.server, b"reply")), tunnel.tables()]
    tunnel.client.state &= ~connection.ConnectionState.CAN_READ
    out += [tunnel.play(top, events.ConnectionClosed(tunnel.client)), tunnel.tables()]
    return [*out, [h if isinstance(h, str) else repr(h) for h in tunnel.within.heard]]


@pytest.mark.parametrize(
    "name", ["data", "none", "log", "hook", "open", "wake", "close client", "half", "close server"]
)
def test_the_same_comes_out_and_is_remembered(name: str, opts: Any) -> None:
    long, short = Tunnel(opts), Tunnel(opts)
    way = shortcut_of(short.top)
    assert isinstance(way, Shortcut)
    assert run(short, way, name) == run(long, long.top, name)


def test_an_unknown_server_goes_the_long_way(opts: Any) -> None:
    tunnel = Tunnel(opts)
    way = shortcut_of(tunnel.top)
    assert way is not None
    with pytest.raises(KeyError):
        tunnel.play(way, events.DataReceived(connection.Server(address=("192.0.2.9", 9)), b"who?"))


def test_there_is_none_for_other_layers(opts: Any) -> None:
    plain = Tunnel(opts, b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\n")
    assert shortcut_of(plain.top) is None
    assert shortcut_of(modes.ReverseProxy(plain.context.fork())) is None
    assert shortcut_of(layer.NextLayer(plain.context.fork())) is None
