"""A way past the layers that made a CONNECT tunnel, once it stands.

From then on mitmproxy's outer HTTP layer, its HTTP/1 connection and the CONNECT's stream only hand on what comes: bytes
of the client become a piece of a request's body, that becomes bytes again, and each command goes back the same way,
through ten generators. `Shortcut` does in one step what they do together, in the same order and on the same tables.
What is not data or the completion of a command, such as an end of a connection, goes through all of them as ever.
"""

from __future__ import annotations

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import ErrorCode, ResponseProtocolError

from weir.edge.wire.quick.straight import Straight, straight_of

__all__ = ["Shortcut", "shortcut_of"]

_LOOKS = 12  # the layers within a tunnel stand within its first events or never


class Shortcut:
    """The top of one client connection's layers, and the layer within its tunnel."""

    def __init__(
        self, top: layer.Layer, outer: http_layers.HttpLayer, stream: http_layers.HttpStream, inner: layer.Layer
    ) -> None:
        self._top = top
        self._outer = outer
        self._stream = stream
        self._inner = inner
        self._client = outer.context.client
        self._straight: Straight | None = None
        self._looks = _LOOKS

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As the topmost layer's."""
        kind, outer, stream = type(event), self._outer, self._stream
        if stream._paused is not None or stream._paused_event_queue:
            pass
        elif kind is events.DataReceived:
            connection = event.connection  # type: ignore[attr-defined]
            if connection is self._client or outer.connections.get(connection) is stream:
                return self._within(event)
        elif isinstance(event, events.CommandCompleted) and outer.command_sources.get(event.command) is stream:
            del outer.command_sources[event.command]
            return self._within(event)
        return self._top.handle_event(event)

    def _within(self, event: events.Event) -> layer.CommandGenerator[None]:
        """What the stream's `passthrough` and the outer layer's `event_to_child` make of the inner layer's commands."""
        straight = self._straight
        if straight is None and self._looks:
            self._looks -= 1
            straight = self._straight = straight_of(self._inner, self._up)
        if straight is not None and (done := straight.take(event)) is not None:
            return done
        return self._through(event)

    def _through(self, event: events.Event) -> layer.CommandGenerator[None]:
        for command in self._inner.handle_event(event):
            if type(command) is commands.SendData:
                if command.data or command.connection is not self._client:
                    yield command
            else:
                yield from self._up(command)

    def _up(self, command: commands.Command) -> layer.CommandGenerator[None]:
        outer, stream, client = self._outer, self._stream, self._client
        if command.blocking or isinstance(command, commands.RequestWakeup):
            outer.command_sources[command] = stream
        if isinstance(command, commands.OpenConnection):
            outer.connections[command.connection] = stream
        elif isinstance(command, commands.CloseConnection):
            if command.connection == client:
                end = ResponseProtocolError(stream.stream_id, "EOF", ErrorCode.PASSTHROUGH_CLOSE)
                yield from outer.event_to_child(outer.connections[client], end)
                return
            if isinstance(command, commands.CloseTcpConnection):
                command = commands.CloseConnection(command.connection)
        yield command


def shortcut_of(top: layer.Layer) -> Shortcut | None:
    """The way past the layers under ``top``; None where they are others, or the tunnel does not stand yet."""
    if type(top) is not modes.HttpProxy or top._paused is not None:
        return None
    below = getattr(top._handle_event, "__self__", None)
    if not isinstance(below, layer.NextLayer) or below._handle is None:
        return None
    outer = below.layer
    if type(outer) is not http_layers.HttpLayer or outer._paused is not None:
        return None
    client = outer.connections.get(outer.context.client)
    if not isinstance(client, http_layers.Http1Server) or client.state != client.passthrough or client._paused:
        return None
    stream = outer.streams.get(client.stream_id)
    if stream is None or stream._handle_event != stream.passthrough or stream.child_layer is None:
        return None
    response = client.response
    if response is None or response.status_code == 101 or "transfer-encoding" in response.headers:
        return None
    return Shortcut(top, outer, stream, stream.child_layer)
