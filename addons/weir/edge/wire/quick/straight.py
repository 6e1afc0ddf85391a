"""A way past TLS and HTTP layers within a tunnel: from what a peer sent to whom it concerns, and back, without hops.

Between the tunnel and a request's stream stand `ServerTLSLayer` (which waits for a connection that nobody opens),
`ClientTLSLayer`, `HttpLayer`, and on the other side a `ServerTLSLayer` and `HttpClient`. Once they stand they do little
for what comes: each event and each command passes through up to fourteen generators. `Straight` does their work on
their own tables, in the same order. What several commands in a row send to one peer becomes one TLS write: a head
and its body are one record. A handshake, an end of a connection, an upstream proxy: all that is rare goes through the
layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    ReceiveHttp,
    RegisterHttpConnection,
    RequestHeaders,
    SendHttp,
)
from mitmproxy.proxy.tunnel import TunnelState

from weir.edge.wire.quick.tls import pull

__all__ = ["Straight", "straight_of"]

Commands = layer.CommandGenerator[None]
_AT_REST = (TunnelState.INACTIVE, TunnelState.CLOSED)


class Straight:
    """What stands within one tunnel. `up` is what becomes of a command above these layers."""

    def __init__(
        self,
        upper: tls.ServerTLSLayer,
        client_tls: tls.ClientTLSLayer,
        http: http_layers.HttpLayer,
        up: Callable[[commands.Command], Commands],
    ) -> None:
        self._upper = upper
        self._tls = client_tls
        self._http = http
        self._up = up
        self._client = client_tls.conn
        self._server = upper.conn
        self._out: list[tuple[tls.TLSLayer, list[bytes]]] = []  # plain text of this event that is still to be written

    def take(self, event: events.Event) -> Commands | None:
        """What follows from an event that is the tunnel's; None when it has to go through the layers."""
        http, outside = self._http, self._tls
        if (
            outside.tunnel_state is not TunnelState.OPEN
            or outside._paused is not None
            or http._paused is not None
            or self._upper.tunnel_state not in _AT_REST
            or self._upper._paused is not None
            or self._server in http.connections
        ):
            return None
        if type(event) is events.DataReceived:
            whose = event.connection
            if whose is self._client:
                return self._received(outside, http.connections[whose], None, event.data)
            owner = http.connections.get(whose)
            if owner is None or whose is self._server:
                return None
            if (
                type(owner) is tls.ServerTLSLayer
                and owner.tunnel_state is TunnelState.OPEN
                and owner._paused is None
                and owner.conn is whose
                and owner.tunnel_connection is whose
                and not owner.wait_for_clienthello
            ):
                return self._received(owner, owner.child_layer, owner, event.data)
            return self._begin(owner, event)
        if isinstance(event, events.CommandCompleted):
            source = http.command_sources.pop(event.command, None)
            return None if source is None else self._begin(source, event)
        return None

    def _begin(self, owner: layer.Layer, event: events.Event) -> Commands:
        self._out = []
        yield from self._heard(owner, event, owner, None)

    def _received(self, wrapped: tls.TLSLayer, child: Any, owner: tls.ServerTLSLayer | None, data: bytes) -> Commands:
        """Bytes of a peer; ``owner`` is the TLS of a server's connection, None for the client's."""
        self._out = []
        plain, closed, error = pull(wrapped, data)
        if error is not None:
            yield from self._up(error)
        yield from wrapped.tls_interact()  # after reading, which may have made something to be sent
        if plain:
            yield from self._heard(child, events.DataReceived(wrapped.conn, plain), owner or child, owner)
        if closed:
            wrapped.conn.state &= ~connection.ConnectionState.CAN_READ
            yield from self._heard(child, events.ConnectionClosed(wrapped.conn), owner or child, owner)

    def _heard(self, child: Any, event: events.Event, owner: Any, wrapped: tls.TLSLayer | None) -> Commands:
        """`_drive`, then write; what was sent before something failed is written all the same, as without this way."""
        try:
            yield from self._drive(child, event, owner, wrapped)
        except Exception:
            yield from self._write()
            raise
        yield from self._write()

    def _drive(self, child: Any, event: events.Event, owner: Any, wrapped: tls.TLSLayer | None) -> Commands:
        """As `HttpLayer.event_to_child` for the layer ``owner``, of which ``child`` is the part within its TLS."""
        http = self._http
        for command in child.handle_event(event):
            kind = type(command)
            if kind is commands.SendData:
                yield from self._send(command, wrapped)
            elif kind is SendHttp:
                whom = http.connections[command.connection]
                if type(whom) is tls.ServerTLSLayer and self._open(whom):
                    yield from self._drive(whom.child_layer, command.event, whom, whom)
                else:
                    yield from self._drive(whom, command.event, whom, None)
            elif kind is ReceiveHttp:
                about = command.event
                if type(about) is RequestHeaders:
                    yield from self._of_http(http.make_stream(about.stream_id))
                stream = http.streams.get(about.stream_id)
                if stream is not None:
                    yield from self._drive(stream, about, stream, None)
            else:
                yield from self._other(command, owner)

    def _open(self, wrapped: tls.ServerTLSLayer) -> bool:
        return (
            wrapped.tunnel_state is TunnelState.OPEN
            and wrapped._paused is None
            and wrapped.conn is wrapped.tunnel_connection
            and not wrapped.wait_for_clienthello
        )

    def _send(self, command: commands.SendData, wrapped: tls.TLSLayer | None) -> Commands:
        if wrapped is None or command.connection != wrapped.conn:
            if command.connection != self._client:
                yield from self._write()
                yield from self._up(command)
                return
            wrapped = self._tls
        if self._out and self._out[-1][0] is wrapped:
            self._out[-1][1].append(command.data)
        else:
            self._out.append((wrapped, [command.data]))

    def _write(self) -> Commands:
        """Encrypt what waits."""
        if not self._out:
            return
        out, self._out = self._out, []
        for wrapped, parts in out:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            if data:
                yield from wrapped.send_data(data)

    def _other(self, command: commands.Command, owner: Any) -> Commands:
        http = self._http
        if command.blocking or isinstance(command, commands.RequestWakeup):
            http.command_sources[command] = owner
        if isinstance(command, DropStream):
            http.streams.pop(command.stream_id, None)
        elif isinstance(command, GetHttpConnection):
            ready = self._ready(command)
            if ready is None:
                yield from self._of_http(http.get_connection(command))
            else:
                stream = http.command_sources.pop(command)
                done = http_layers.GetHttpConnectionCompleted(command, (ready, None))
                yield from self._drive(stream, done, stream, None)
        elif isinstance(command, RegisterHttpConnection):
            yield from self._of_http(http.register_connection(command))
        else:
            if isinstance(command, commands.OpenConnection):
                http.connections[command.connection] = owner
            if type(command) is not commands.Log:  # what is sent goes before all else: a hook may take its time
                yield from self._write()
            yield from self._up(command)

    def _ready(self, wanted: GetHttpConnection) -> connection.Connection | None:
        """The connection that `HttpLayer.get_connection` would use again at once; None when there is more to do."""
        http = self._http
        for one in http.connections:
            if not wanted.connection_spec_matches(one):
                continue
            if one in http.waiting_for_establishment or one.error:
                return None
            if one.connected:
                return None if self._client.alpn == b"h2" and one.alpn != b"h2" else one
        return None

    def _of_http(self, generator: Commands) -> Commands:
        """What comes out of `HttpLayer` itself: only what is for the client still has to be encrypted."""
        for command in generator:
            if type(command) is commands.SendData:
                yield from self._send(command, None)
            else:
                yield from self._write()
                yield from self._up(command)


def straight_of(inner: layer.Layer, up: Callable[[commands.Command], Commands]) -> Straight | None:
    """The way past the layers under ``inner``; None where they are others, or do not stand yet."""
    upper = _decided(inner)
    if type(upper) is not tls.ServerTLSLayer or upper.tunnel_state not in _AT_REST:
        return None
    below = upper.child_layer
    if type(below) is not tls.ClientTLSLayer or below.tunnel_state is not TunnelState.OPEN:
        return None
    http = _decided(below.child_layer)
    if type(http) is not http_layers.HttpLayer or below.conn not in http.connections:
        return None
    return Straight(upper, below, http, up)


def _decided(one: Any) -> Any:
    """The layer that a `NextLayer` has come to."""
    return one.layer if isinstance(one, layer.NextLayer) and one._handle is not None else one
