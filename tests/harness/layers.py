"""Plays mitmproxy's HTTP layer without sockets: bytes in by hand, hooks to weir's chain, bytes out into lists.

    wire = Wire(rig)
    wire.client(b"POST http://api.openai.com/… HTTP/1.1\\r\\n…")
    wire.upstream(b"HTTP/1.1 200 OK\\r\\n…")
    assert wire.to_client == b"HTTP/1.1 200 OK…"

Everything happens within the call: when ``client`` returns, all that those bytes bring about has happened.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from mitmproxy import connection, http
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, events, server_hooks
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.test import tflow

from harness.rig import Rig, mitmproxy, run
from weir.edge import trace as traces
from weir.edge.wire.chunk import ResponseChunkHook

__all__ = ["REPLY", "Wire", "answer", "body_of", "post", "sized"]

REPLY = (
    b'{"id":"r","object":"chat.completion","model":"gpt-5-mini","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"Hi."}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)


def post(body: bytes, *, host: str = "api.openai.com", path: str = "/v1/chat/completions", length: int = -1) -> bytes:
    """A request as a client sends it to a proxy; `length` is what it claims of its body."""
    head = f"POST http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % (len(body) if length < 0 else length) + body


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A reply as an upstream sends it, with no length unless a header says one."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: application/json", *headers, "", ""]).encode() + body


def sized(body: bytes) -> bytes:
    """A reply with its length."""
    return answer(body, f"Content-Length: {len(body)}")


def body_of(sent: bytes) -> bytes:
    """What follows the first head."""
    return sent.partition(b"\r\n\r\n")[2]


class Wire:
    """One client connection under weir's chain, and the upstream connections it opens."""

    def __init__(self, rig: Rig, alpn: bytes = b"") -> None:
        self.rig = rig
        self.hooks: list[str] = []  # names, in order
        self.chunks: list[bytes] = []  # what `response_chunk` was called for
        self.sent: dict[connection.Connection, bytearray] = {}
        self.servers: list[connection.Server] = []
        self.closed: list[connection.Connection] = []
        self.timers: list[commands.RequestWakeup] = []
        self.refuses = ""  # the error that the next connect ends with
        self.on: dict[str, Callable[[Any], None]] = {}  # called after the chain has heard the hook
        peer = tflow.tclient_conn()
        peer.tls, peer.sni, peer.alpn, peer.peername = False, None, alpn or None, ("10.1.2.3", 4)
        with mitmproxy(proxyserver.Proxyserver()) as tctx:
            tctx.options.update(connection_strategy="lazy")
            self.context = context.Context(peer, tctx.options)
        self.peer = peer
        self.layer = http_layers.HttpLayer(self.context, HTTPMode.regular)
        self._feed(events.Start())

    # -- what a test does -------------------------------------------------------------------------------------------

    def client(self, data: bytes) -> None:
        """The client sends."""
        self._feed(events.DataReceived(self.peer, data))

    def client_leaves(self) -> None:
        """The client closes its connection."""
        self.peer.state = connection.ConnectionState.CLOSED
        self._feed(events.ConnectionClosed(self.peer))

    def upstream(self, data: bytes) -> None:
        """The newest upstream connection sends."""
        self._feed(events.DataReceived(self.servers[-1], data))

    def upstream_leaves(self) -> None:
        """The newest upstream connection ends."""
        self.servers[-1].state = connection.ConnectionState.CLOSED
        self._feed(events.ConnectionClosed(self.servers[-1]))

    def time_passes(self) -> None:
        """The newest timer runs out."""
        self._feed(events.Wakeup(self.timers[-1]))

    # -- what a test looks at ---------------------------------------------------------------------------------------

    @property
    def to_client(self) -> bytes:
        """All bytes the client was sent."""
        return bytes(self.sent.get(self.peer, b""))

    @property
    def to_upstream(self) -> bytes:
        """All bytes the newest upstream connection was sent; empty when there is none."""
        return bytes(self.sent.get(self.servers[-1], b"")) if self.servers else b""

    @property
    def flow(self) -> http.HTTPFlow:
        """The newest exchange."""
        return self._flow

    @property
    def trace(self) -> traces.Trace:
        """Its trace."""
        found = traces.trace_of(self._flow)
        assert found is not None
        return found

    # -- the machine ------------------------------------------------------------------------------------------------

    def _feed(self, event: events.Event) -> None:
        waiting = deque([event])
        while waiting:
            for command in self.layer.handle_event(waiting.popleft()):
                if isinstance(command, commands.StartHook):
                    self._hear(command)
                    if command.blocking:
                        waiting.append(events.HookCompleted(command))
                elif isinstance(command, commands.OpenConnection):
                    waiting.append(events.OpenConnectionCompleted(command, self._open(command.connection)))
                elif isinstance(command, commands.SendData):
                    assert command.connection not in self.closed, "sent after closing"
                    self.sent.setdefault(command.connection, bytearray()).extend(command.data)
                elif isinstance(command, commands.CloseConnection):
                    command.connection.state = connection.ConnectionState.CLOSED
                    self.closed.append(command.connection)
                elif isinstance(command, commands.RequestWakeup):
                    self.timers.append(command)
                else:
                    assert isinstance(command, commands.Log), command

    def _open(self, server: connection.Connection) -> str | None:
        assert isinstance(server, connection.Server)
        data = server_hooks.ServerConnectionHookData(server=server, client=self.peer)
        self._hear(server_hooks.ServerConnectHook(data))
        if self.refuses or server.error:
            return self.refuses or f"Connection killed: {server.error}"
        server.state, server.timestamp_start = connection.ConnectionState.OPEN, 1.0
        self.servers.append(server)
        return None

    def _hear(self, hook: commands.StartHook) -> None:
        (data,) = hook.args()
        self.hooks.append(hook.name)
        if isinstance(data, http.HTTPFlow):
            self._flow = data
        if isinstance(hook, ResponseChunkHook):
            self.chunks.append(hook.data.chunk)
        for addon in self.rig.addons:
            called = getattr(addon, hook.name, None)
            if called is not None:
                run(called(data))
        if hook.name in self.on:
            self.on[hook.name](data)
