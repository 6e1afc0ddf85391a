"""weir's WebSocket layer: a message is bounded, goes on only when the chain has looked at it, and can end the socket.

mitmproxy looks `WebsocketLayer` up in its module when a connection changes its protocol, so `install()` replaces it
there. Stock mitmproxy joins the fragments of a message without a limit, keeps every message, logs what pings carry,
and knows no way to refuse a message but to drop it, after which both sides wait for each other.
"""

from __future__ import annotations

import time
from typing import Any

import mitmproxy.proxy.layers.websocket as ws_layers
import wsproto.events
from mitmproxy import flow as mitm_flow
from mitmproxy import websocket
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.websocket import Fragmentizer, WebsocketEndHook, WebsocketMessageHook
from wsproto.connection import ConnectionState
from wsproto.frame_protocol import Opcode

from weir.edge.trace import Trace, trace_of

__all__ = ["CONTROL_BYTES_MAX", "POLICY_VIOLATION", "TOO_BIG", "WeirWebsocketLayer", "install"]

POLICY_VIOLATION = 1008
TOO_BIG = 1009
CONTROL_BYTES_MAX = 32  # what an honest ping, pong or reason for closing carries; anybody may hide text in one
_OPEN = (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING)


class WeirWebsocketLayer(ws_layers.WebsocketLayer):
    """See the module's docstring."""

    def start(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but a socket whose beginning failed ends here."""
        yield from super().start(event)
        trace = trace_of(self.flow)
        if trace and trace.abort:
            yield from self._refuse(trace, POLICY_VIOLATION, "could not be inspected")

    _handle_event = start

    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take bytes from one side; what they complete goes through the hooks and on to the other."""
        if isinstance(event, ws_layers.WebSocketMessageInjected):
            # Nobody here injects: what did not come from a peer is nobody's message.
            return
        assert isinstance(event, events.ConnectionEvent)
        from_client = event.connection == self.context.client
        source = self.client_ws if from_client else self.server_ws
        source.receive_data(event.data if isinstance(event, events.DataReceived) else None)
        for one in source.events():
            if isinstance(one, wsproto.events.Message):
                yield from self._part(one, from_client)
            elif isinstance(one, (wsproto.events.Ping, wsproto.events.Pong)):
                self._control(bytes(one.payload), from_client)
                target = self.server_ws if from_client else self.client_ws
                if target.state is ConnectionState.OPEN:
                    yield target.send2(one)
            elif isinstance(one, wsproto.events.CloseConnection):
                self._control((one.reason or "").encode(), from_client)
                yield from self._close(one, from_client)
            if self._handle_event == self.done:
                return

    def _part(self, part: Any, from_client: bool) -> layer.CommandGenerator[None]:
        """Take a piece of a message; on its last one, decide."""
        source = self.client_ws if from_client else self.server_ws
        is_text = isinstance(part.data, str)
        source.frame_buf[-1] += part.data.encode() if is_text else bytes(part.data)
        trace = trace_of(self.flow)
        if trace and sum(map(len, source.frame_buf)) > _limit(trace, from_client):
            trace.fail("message over the limit")
            yield from self._refuse(trace, TOO_BIG, "message over the limit")
            return
        if not part.message_finished:
            if part.frame_finished:
                source.frame_buf.append(b"")
            return
        pieces, source.frame_buf = source.frame_buf, [b""]
        opcode = Opcode.TEXT if is_text else Opcode.BINARY
        message = websocket.WebSocketMessage(opcode, from_client, b"".join(pieces))
        assert self.flow.websocket
        self.flow.websocket.messages[:] = [message]
        yield WebsocketMessageHook(self.flow)
        if trace and trace.abort:
            why = "could not be inspected" if trace.failed else "refused by policy"
            yield from self._refuse(trace, POLICY_VIOLATION, why)
            return
        first = trace.socket.take_first() if trace and trace.socket else ()
        target = self.server_ws if from_client else self.client_ws
        for content in first:
            yield from self._send(target, content, Fragmentizer([], True))
        if not message.dropped:
            yield from self._send(target, message.content, Fragmentizer(pieces, is_text))

    def _send(
        self, target: ws_layers.WebsocketConnection, content: bytes, pieces: Fragmentizer
    ) -> layer.CommandGenerator[None]:
        if target.state is ConnectionState.OPEN:
            for piece in pieces(content):
                yield target.send2(piece)

    def _control(self, payload: bytes, from_client: bool) -> None:
        """Count what a control frame carries, and say so when it is more than such a frame needs."""
        trace = trace_of(self.flow)
        if trace is None:
            return
        if from_client:
            trace.req_bytes += len(payload)
        else:
            trace.resp_bytes += len(payload)
        if trace.socket and len(payload) > CONTROL_BYTES_MAX:
            trace.socket.unread("content in a control frame")

    def _close(self, close: wsproto.events.CloseConnection, from_client: bool) -> layer.CommandGenerator[None]:
        """One side closes: the other is told the same, and the exchange is over."""
        assert self.flow.websocket
        self.flow.websocket.timestamp_end = time.time()
        self.flow.websocket.closed_by_client = from_client
        self.flow.websocket.close_code = int(close.code)
        # What is still held back of the reply goes to a client that waits for it.
        trace = trace_of(self.flow)
        for content in trace.socket.take_rest() if trace and trace.socket and not from_client else ():
            yield from self._send(self.client_ws, content, Fragmentizer([], True))
        yield from self._end(close)

    def _refuse(self, trace: Trace, code: int, why: str) -> layer.CommandGenerator[None]:
        """End the socket because of a message: the client is told why, the server only that it is over."""
        assert self.flow.websocket
        trace.abort = trace.abort or why
        self.flow.error = mitm_flow.Error(why)
        self.flow.websocket.timestamp_end = time.time()
        self.flow.websocket.closed_by_client = False
        self.flow.websocket.close_code = code
        for content in trace.socket.take_last_words() if trace.socket else ():
            yield from self._send(self.client_ws, content, Fragmentizer([], True))
        yield from self._end(
            wsproto.events.CloseConnection(code=code, reason=why), wsproto.events.CloseConnection(code=1000)
        )

    def _end(
        self,
        to_client: wsproto.events.CloseConnection,
        to_server: wsproto.events.CloseConnection | None = None,
    ) -> layer.CommandGenerator[None]:
        for ws, said in ((self.server_ws, to_server or to_client), (self.client_ws, to_client)):
            if ws.state in _OPEN:
                yield ws.send2(said)
            yield commands.CloseConnection(ws.conn)
        yield WebsocketEndHook(self.flow)
        self.flow.live = False
        self._handle_event = self.done  # type: ignore[method-assign]


def _limit(trace: Trace, from_client: bool) -> int:
    limits = trace.snapshot.settings.limits
    return limits.body_bytes_max if from_client else limits.reply_bytes_max


def install() -> None:
    """Make mitmproxy build `WeirWebsocketLayer`s. Idempotent; the contract test pins the lookup it relies on."""
    ws_layers.WebsocketLayer = WeirWebsocketLayer  # type: ignore[misc]
