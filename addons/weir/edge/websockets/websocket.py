"""weir's WebSocket layer: a message is bounded, goes on only when the chain has looked at it, and can end the socket.

mitmproxy looks `WebsocketLayer` up in its module when a connection changes its protocol, so `install()` replaces it
there. Stock mitmproxy joins the fragments of a message without a limit, keeps every message, logs what pings carry,
and knows no way to refuse a message but to drop it, after which both sides wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import mitmproxy.proxy.layers.websocket as ws_layers
import wsproto.events
from mitmproxy import flow as mitm_flow
from mitmproxy import websocket
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.websocket import WebsocketEndHook, WebsocketMessageHook
from wsproto.connection import ConnectionState
from wsproto.frame_protocol import Opcode

from weir.edge.bounds.kept import Backlog
from weir.edge.trace import Trace, link_of, trace_of

__all__ = ["CONTROL_BYTES_MAX", "PIECES_MAX", "POLICY_VIOLATION", "TOO_BIG", "WeirWebsocketLayer", "cut", "install"]

POLICY_VIOLATION = 1008
TOO_BIG = 1009
CONTROL_BYTES_MAX = 32  # what an honest ping, pong or reason for closing carries; anybody may hide text in one
PIECES_MAX = 1024  # frames of one message that are kept apart; those beyond are one
_PIECE_BYTES = 4000  # of a message that was changed: some servers refuse large frames
_OPEN = (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING)


class WeirWebsocketLayer(ws_layers.WebsocketLayer):
    """See the module's docstring."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._pieces: dict[bool, list[bytearray]] = {}  # from the client? → frames of the message that is coming in
        self._held: dict[bool, int] = {}  # and their bytes
        self._ahead: dict[bool, Backlog] = {}  # from the client? → what came while a message is looked at

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As mitmproxy's, which keeps all that comes while a hook is at work: whoever sends it is not read meanwhile,
        once there is more than the limit."""
        if self._paused and isinstance(event, events.DataReceived) and self._handle_event != self.done:
            self._came_ahead(event)
        return super().handle_event(event)

    def _came_ahead(self, event: events.DataReceived) -> None:
        from_client = event.connection == self.context.client
        bounds = link_of(self.context.client).bounds
        backlog = self._ahead.get(from_client)
        if backlog is None:
            backlog = self._ahead[from_client] = Backlog(bounds.limits.unread_bytes_max, ours=True)
            bounds.backlogs[self.context.server if from_client else self.context.client] = backlog
        backlog.now(backlog.held + len(event.data), len(event.data))

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
        ahead = self._ahead.get(from_client)
        if ahead is not None and ahead.held and isinstance(event, events.DataReceived):
            ahead.now(ahead.held - len(event.data))  # it was the first of them
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
        is_text = isinstance(part.data, str)
        # Grows in place: a large message comes in many parts.
        pieces = self._pieces.setdefault(from_client, [bytearray()])
        data = part.data.encode() if is_text else part.data
        pieces[-1] += data
        self._held[from_client] = held = self._held.get(from_client, 0) + len(data)
        trace = trace_of(self.flow)
        if trace and held > _limit(trace, from_client):
            trace.fail("message over the limit")
            yield from self._refuse(trace, TOO_BIG, "message over the limit")
            return
        if not part.message_finished:
            if part.frame_finished and len(pieces) < PIECES_MAX:
                pieces.append(bytearray())
            return
        del self._pieces[from_client], self._held[from_client]
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
            yield from self._send(target, content)
        if not message.dropped:
            yield from self._send(target, message.content, [len(piece) for piece in pieces], is_text=is_text)
        for content in trace.socket.take_back() if trace and trace.socket else ():
            yield from self._send(self.client_ws if from_client else self.server_ws, content)

    def _send(
        self,
        target: ws_layers.WebsocketConnection,
        content: bytes,
        lengths: Sequence[int] = (),
        *,
        is_text: bool = True,
    ) -> layer.CommandGenerator[None]:
        if target.state is not ConnectionState.OPEN:
            return
        for piece, last in cut(content, lengths, is_text=is_text):
            if is_text:
                yield target.send2(wsproto.events.TextMessage(piece.decode(errors="replace"), message_finished=last))
            else:
                yield target.send2(wsproto.events.BytesMessage(piece, message_finished=last))

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
            yield from self._send(self.client_ws, content)
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
            yield from self._send(self.client_ws, content)
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
        for backlog in self._ahead.values():
            backlog.end()
        self.flow.live = False
        self._handle_event = self.done  # type: ignore[method-assign]


def cut(content: bytes, lengths: Sequence[int], *, is_text: bool) -> Iterator[tuple[bytes, bool]]:
    """The frames of a message, each with whether it is the last: as it came, or of a few kilobytes if it was changed.

    Text is cut between characters only: mitmproxy's own cutting puts a replacement in the place of one that it halves.
    """
    if sum(lengths) != len(content):
        lengths = [_PIECE_BYTES] * (len(content) // _PIECE_BYTES)
    at = 0
    for length in lengths[:-1] if sum(lengths) == len(content) else lengths:
        end = at + length
        while is_text and at < end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        yield content[at:end], False
        at = end
    yield content[at:], True


def _limit(trace: Trace, from_client: bool) -> int:
    limits = trace.snapshot.settings.limits
    if limits.websocket_bytes_max is not None:
        return limits.websocket_bytes_max
    return limits.body_bytes_max if from_client else limits.reply_bytes_max


def install() -> None:
    """Make mitmproxy build `WeirWebsocketLayer`s. Idempotent; the contract test pins the lookup it relies on."""
    ws_layers.WebsocketLayer = WeirWebsocketLayer  # type: ignore[misc]
