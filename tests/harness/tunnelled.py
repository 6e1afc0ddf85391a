"""A CONNECT tunnel with TLS on both sides of it, without sockets: what the two peers and the hooks see of it.

    traffic = Traffic(options, straight=True, decide=refuse)
    traffic.says(post(b"hello"))      # the client, decrypted
    traffic.answers(reply(b"hi"))     # the newest server
    assert traffic.read() == [b"HTTP/1.1 200 OK…", b"POST…"]

`straight` takes weir's way past the layers within the tunnel; without it all goes through them.
"""

from __future__ import annotations

import datetime
import functools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy import connection, http, options
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers import tls as tls_layers
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons
from OpenSSL import SSL, crypto

from weir.edge.wire import failover, stream
from weir.edge.wire import http1 as weir_http1
from weir.edge.wire.quick import tunnel

__all__ = ["CHUNKED", "OPEN", "Traffic", "chunk", "end", "lazily", "post", "refuse", "reply"]

CONNECT = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
OPEN = connection.ConnectionState.OPEN


@functools.cache
def contexts() -> tuple[SSL.Context, SSL.Context]:
    """Of a server and a client."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.example")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(5).not_valid_before(now - datetime.timedelta(1))
    made = builder.not_valid_after(now + datetime.timedelta(9)).sign(key, hashes.SHA256())
    server = SSL.Context(SSL.TLS_SERVER_METHOD)
    server.use_certificate(crypto.X509.from_cryptography(made))
    server.use_privatekey(crypto.PKey.from_cryptography_key(key))
    return server, SSL.Context(SSL.TLS_CLIENT_METHOD)


def end(*, server: bool) -> SSL.Connection:
    """One end of TLS."""
    made = SSL.Connection(contexts()[0 if server else 1], None)
    if server:
        made.set_accept_state()
    else:
        made.set_tlsext_host_name(b"a.example")
        made.set_connect_state()
    return made


class Traffic:
    """A tunnel, TLS on both sides of it, and what the two peers and the hooks saw."""

    def __init__(self, opts: options.Options, *, straight: bool, decide: Callable[[Any], None]) -> None:
        self.client = connection.Client(
            peername=("192.0.2.1", 1), sockname=("192.0.2.2", 2), timestamp_start=0.0, state=OPEN,
            proxy_mode=ProxyMode.parse("regular"),
        )  # fmt: skip
        self.saw: list[str] = []
        self.decide = decide
        self.servers: dict[connection.Connection, SSL.Connection] = {}
        self.opening: list[commands.OpenConnection] = []
        self.wire: dict[connection.Connection, list[bytes]] = {}
        self.top: Any = modes.HttpProxy(context.Context(self.client, opts))
        self.play(events.Start())
        self.play(events.DataReceived(self.client, CONNECT))
        self.wire.clear()
        self.browser = end(server=False)
        self.shake(self.browser, self.client)
        self.way: Any = tunnel.shortcut_of(self.top)
        if straight:
            self.top = self.way

    def shake(self, peer: SSL.Connection, whose: connection.Connection) -> None:
        """A handshake of the proxy and a peer."""
        for _ in range(6):
            try:
                peer.do_handshake()
                done = True
            except SSL.WantReadError:
                done = False
            self.hear(peer, whose)
            if data := b"".join(self.wire.pop(whose, [])):
                peer.bio_write(data)
            elif done:
                return

    def hear(self, peer: SSL.Connection, whose: connection.Connection) -> None:
        """What the peer has written reaches the proxy."""
        with suppress(SSL.WantReadError):
            while True:
                self.play(events.DataReceived(whose, peer.bio_read(65535)))

    def play(self, event: events.Event) -> None:
        """One event and what its hooks complete."""
        waiting = deque([event])
        while waiting:
            for command in self.top.handle_event(waiting.popleft()):
                if isinstance(command, commands.StartHook):
                    self.hook(command)
                    if command.blocking and not self.holds(command):
                        waiting.append(events.HookCompleted(command))
                elif isinstance(command, commands.SendData):
                    self.wire.setdefault(command.connection, []).append(command.data)
                elif isinstance(command, commands.OpenConnection):
                    self.opening.append(command)
                elif not isinstance(command, commands.Log):
                    self.other(command)

    def holds(self, command: commands.StartHook) -> bool:
        """Whether a hook is completed later."""
        return False

    def other(self, command: commands.Command) -> None:
        """What is neither a hook nor bytes nor a connection to be opened."""
        role = "client" if getattr(command, "connection", None) is self.client else "server"
        self.saw.append(f"{type(command).__name__} {role}")
        if isinstance(command, commands.CloseConnection):
            command.connection.state = connection.ConnectionState.CLOSED

    def hook(self, command: commands.StartHook) -> None:
        """What addons would do."""
        self.saw.append(command.name)
        data: Any = getattr(command, "data", None)
        if isinstance(command, layer.NextLayerHook):
            above = [type(one).__name__ for one in data.context.layers]
            if above == ["HttpProxy"]:
                data.layer = http_layers.HttpLayer(data.context, http_layers.HTTPMode.regular)
            elif "ClientTLSLayer" in above:
                data.layer = http_layers.HttpLayer(data.context, http_layers.HTTPMode.transparent)
            else:
                data.layer = tls_layers.ServerTLSLayer(data.context)
                data.layer.child_layer = tls_layers.ClientTLSLayer(data.context)
        elif isinstance(command, tls_layers.TlsStartClientHook):
            data.ssl_conn = end(server=True)
        elif isinstance(command, tls_layers.TlsStartServerHook):
            data.ssl_conn = end(server=False)
        else:
            self.decide(command)

    def says(self, data: bytes) -> None:
        """The client sends; connections that are wanted are made."""
        self.browser.sendall(data)
        self.hear(self.browser, self.client)
        while self.opening:
            command = self.opening.pop(0)
            command.connection.state, command.connection.peername = OPEN, ("192.0.2.7", 443)
            peer = self.servers[command.connection] = end(server=True)
            self.play(events.OpenConnectionCompleted(command, None))
            peer.bio_write(b"".join(self.wire.pop(command.connection)))
            self.shake(peer, command.connection)

    def answers(self, data: bytes) -> None:
        """The newest server sends."""
        whose = list(self.servers)[-1]
        self.servers[whose].sendall(data)
        self.hear(self.servers[whose], whose)

    def read(self) -> list[bytes]:
        """What the client and each server can read since the last time."""
        out = []
        for whose, peer in [(self.client, self.browser), *self.servers.items()]:
            if data := b"".join(self.wire.pop(whose, [])):
                peer.bio_write(data)
            heard = b""
            with suppress(SSL.WantReadError, SSL.ZeroReturnError):
                while True:
                    heard += peer.recv(1 << 20)
            out.append(heard)
        return out

    def tables(self) -> list[Any]:
        """What the HTTP layer and the tunnel's remember."""
        outer = self.way._outer
        inner = self.way._inner.layer.child_layer.child_layer.layer
        return [
            [sorted(type(v).__name__ for v in one.connections.values()), len(one.command_sources), sorted(one.streams)]
            for one in (outer, inner)
            if one is not None
        ]


def post(body: bytes, more: bytes = b"") -> bytes:
    """A request."""
    return b"POST /v1 HTTP/1.1\r\nHost: a.example\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)


def reply(body: bytes, more: bytes = b"") -> bytes:
    """A reply."""
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)


def chunk(data: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def refuse(command: Any) -> None:
    """A request with X-Refuse is answered here; replies are streamed."""
    flow: Any = getattr(command, "flow", None)
    if command.name == "request" and "x-refuse" in flow.request.headers:
        flow.response = http.Response.make(403, b"no")
    elif command.name == "responseheaders":
        flow.response.stream = True


@contextmanager
def lazily() -> Iterator[options.Options]:
    """weir's streams and HTTP/1 in mitmproxy's place, and the options they need. Who calls puts `HttpStream` back."""
    weir_http1.install()
    stream.install()
    failover.install()
    with taddons.context(proxyserver.Proxyserver()) as tctx:
        tctx.options.connection_strategy = "lazy"
        yield tctx.options
