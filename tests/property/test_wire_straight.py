"""Whatever two peers do and whenever hooks are done: past the layers is as through them, and nothing fails."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
import pytest
from mitmproxy import connection
from mitmproxy.net.http import http1
from mitmproxy.net.http.http1 import read
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import _http1
from OpenSSL import SSL

from harness.tunnelled import CHUNKED, OPEN, Traffic, chunk, end, lazily, post, refuse, reply
from weir.edge.wire import quick

REQUESTS = [
    post(b"hello"), post(b"no", b"X-Refuse: 1\r\n"), post(b"x", b"Connection: close\r\n"), post(b"1") + post(b"2"),
    post(b"q" * 70_000), b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET /\r\n\r\n", post(b"ok", b"Expect: 100-continue\r\n"),
    b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc") + b"0\r\n\r\n",
]  # fmt: skip
REPLIES = [
    reply(b"hi"), reply(b"a" * 50_000), CHUNKED + chunk(b"one"), chunk(b"two"), b"0\r\n\r\n", b"what?\r\n\r\n",
    reply(b"y", b"Connection: close\r\n"), reply(b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"HTTP/1.1 100 Continue\r\n\r\n", reply(b"1") + reply(b"2"),
    b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\n\r\n",
]  # fmt: skip


class Rough(Traffic):
    """Hooks of exchanges wait by chance, connects fail by chance."""

    def __init__(self, seed: int, *arguments: Any, **more: Any) -> None:
        self.chance, self.ready = random.Random(seed), False
        self.held: list[commands.StartHook] = []
        self.gone: set[connection.Connection] = set()
        super().__init__(*arguments, **more)
        self.ready = True

    def holds(self, command: commands.StartHook) -> bool:
        late = self.ready and hasattr(command, "flow") and self.chance.random() < 0.3
        if late:
            self.held.append(command)
        return late

    def other(self, command: commands.Command) -> None:
        if isinstance(command, commands.ConnectionCommand):
            self.saw.append(f"{type(command).__name__} {command.connection is self.client}")
            if not getattr(command, "half_close", False):
                self.lose(command.connection)

    def lose(self, whose: connection.Connection) -> None:
        whose.state = connection.ConnectionState.CLOSED
        self.gone.add(whose)

    def connect(self) -> None:
        while self.opening:
            command = self.opening.pop(0)
            if self.chance.random() < 0.1:
                command.connection.error = "refused"
                self.play(events.OpenConnectionCompleted(command, "refused"))
                continue
            command.connection.state, command.connection.peername = OPEN, ("192.0.2.7", 443)
            self.servers[command.connection] = end(server=True)
            self.play(events.OpenConnectionCompleted(command, None))
            self.servers[command.connection].bio_write(b"".join(self.wire.pop(command.connection)))
            self.shake(self.servers[command.connection], command.connection)

    def write(self, whose: connection.Connection, data: bytes, pieces: int) -> None:
        """A peer's words, in so many packets."""
        peer = self.browser if whose is self.client else self.servers[whose]
        with suppress(SSL.Error):  # it has ended its side itself
            peer.sendall(data)
        packet = b""
        with suppress(SSL.WantReadError):
            while True:
                packet += peer.bio_read(65535)
        size = len(packet) // pieces + 1
        for at in range(0, len(packet), size):
            self.play(events.DataReceived(whose, packet[at : at + size]))

    def turn(self, chance: random.Random) -> None:
        """One thing happens."""
        servers = [one for one in list(self.servers)[-1:] if one not in self.gone]
        client = [self.client] * (self.client not in self.gone)
        what = chance.choices(["says", "answers", "hook", "connect", "ends", "noise", "cut"], [6, 6, 4, 1, 1, 1, 1])[0]
        data = chance.choice(REQUESTS if what == "says" else REPLIES)
        pieces, whose = chance.choice([1, 1, 1, 3]), chance.choice((client + servers) or [None])
        if what == "says" and client:
            self.write(self.client, data, pieces)
            self.connect()
        elif what == "answers" and servers:
            self.write(servers[0], data, pieces)
        elif what == "hook" and self.held:
            self.play(events.HookCompleted(self.held.pop(0)))
        elif what == "connect":
            self.connect()
        elif what == "noise" and whose:
            self.play(events.DataReceived(whose, chance.randbytes(50)))
        elif what == "ends" and whose:
            with suppress(SSL.Error):
                (self.browser if whose is self.client else self.servers[whose]).shutdown()
            self.write(whose, b"", 1)
        elif what == "cut" and whose:
            self.lose(whose)
            self.play(events.ConnectionClosed(whose))


def story(opts: Any, seed: int, *, straight: bool) -> list[Any]:
    """What everybody saw of fourteen things that happen."""
    traffic, chance, out = Rough(seed, opts, straight=straight, decide=refuse), random.Random(seed), []
    for _ in range(14):
        traffic.turn(chance)
        try:
            heard: Any = traffic.read()
        except SSL.Error:
            heard = "no TLS any more"
        out.append([heard, list(traffic.saw), traffic.tables(), str(traffic.client.state)])
        traffic.saw.clear()
    return out


@pytest.fixture
def opts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for holder, names in (
        (http_layers, ("HttpStream", "Http1Server", "Http1Client", "validate_headers")),
        (tls.TLSLayer, ("tls_interact", "receive_data", "send_data")),
        (_http1.Http1Connection, ("read_body",)), (_http1, ("make_body_reader",)),
        (layer.Layer, ("handle_event",)), (context.Context, ("fork",)), (connection.Connection, ("__eq__",)),
        (http1, ("expected_http_body_size", "connection_close")), (read, ("raise_if_http_version_unknown",)),
    ):  # fmt: skip
        for name in names:
            monkeypatch.setattr(holder, name, getattr(holder, name))
    quick.install()
    with lazily() as made:
        yield made


@pytest.mark.parametrize("part", range(4))
def test_rough_traffic_is_the_same_both_ways_and_nothing_fails(part: int, opts: Any) -> None:
    for seed in range(part * 15, part * 15 + 15):
        assert story(opts, seed, straight=True) == story(opts, seed, straight=False), f"seed {seed}"
