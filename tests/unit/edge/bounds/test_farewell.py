"""An HTTP/2 client is told to go at rest, what is open ends as ever, and what comes too late is nobody's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import h2.config
import h2.connection
from hyperframe.frame import Frame
from mitmproxy import http
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http import ReceiveHttp, RequestHeaders, ResponseEndOfMessage, ResponseHeaders
from mitmproxy.test import taddons, tflow

from weir.edge.bounds.farewell import Farewell, part
from weir.edge.bounds.http2 import WeirHttp2Server

FIELDS = [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]


class Peer:
    """A client, the layer that serves it, and its handler."""

    def __init__(self) -> None:
        with taddons.context(proxyserver.Proxyserver()) as ctx:
            self.client = tflow.tflow().client_conn
            self.server = WeirHttp2Server(context.Context(self.client, ctx.options))
        self.farewells: list[Farewell] = []
        self.asked = list[int]()  # streams that reached weir
        self.told: list[Any] = []  # what the client heard
        self.state = h2.connection.H2Connection(h2.config.H2Configuration())
        self.state.initiate_connection()
        self.hear(self.server.handle_event(events.Start()))
        self.say()

    async def server_event(self, event: events.Event) -> None:
        self.hear(self.server.handle_event(event))

    def hear(self, made: Any) -> None:
        for command in made:
            if isinstance(command, Farewell):
                self.farewells.append(command)
            elif isinstance(command, ReceiveHttp) and isinstance(command.event, RequestHeaders):
                self.asked.append(command.event.stream_id)
            elif isinstance(command, commands.SendData):
                # The client's own state takes nothing after a GOAWAY: a fresh look at the frames does.
                self.told += _frames(command.data)
            assert not isinstance(command, commands.CloseConnection)

    def say(self) -> None:
        self.hear(self.server.handle_event(events.DataReceived(self.client, self.state.data_to_send())))

    def ask(self, body: bytes = b"") -> int:
        number = self.state.get_next_available_stream_id()
        self.state.send_headers(number, FIELDS, end_stream=not body)
        if body:
            self.state.send_data(number, body, end_stream=True)
        self.say()
        return number

    def answer(self, number: int) -> None:
        self.hear(self.server.handle_event(ResponseHeaders(number, http.Response.make(200), False)))
        self.hear(self.server.handle_event(ResponseEndOfMessage(number)))

    def part(self, *, last: bool = False) -> None:
        asyncio.run(part([self, SimpleNamespace()], last=last))

    @property
    def goaways(self) -> list[tuple[int, int]]:
        """Last stream and error code of each."""
        return [
            (frame.last_stream_id, frame.error_code) for frame in self.told if type(frame).__name__ == "GoAwayFrame"
        ]


def _frames(data: bytes) -> list[Any]:
    found, view = [], memoryview(data)
    while view:
        frame, length = Frame.parse_frame_header(view[:9])
        frame.parse_body(view[9 : 9 + length])
        found.append(frame)
        view = view[9 + length :]
    return found


def test_a_client_at_rest_is_told_at_once() -> None:
    peer = Peer()
    peer.answer(peer.ask())
    assert not peer.goaways
    peer.part()
    assert peer.goaways == [(1, 0)]
    peer.part()
    peer.part(last=True)
    assert peer.goaways == [(1, 0)], "once"


def test_what_is_open_ends_first_and_what_comes_too_late_is_not_begun() -> None:
    peer = Peer()
    first, second = peer.ask(), peer.ask()
    peer.part()
    peer.answer(first)
    third = peer.ask()
    assert not peer.goaways and peer.asked == [first, second, third], "whoever has not been told may ask"
    peer.answer(third)
    peer.answer(second)
    assert peer.goaways == [(third, 0)] and type(peer.told[-1]).__name__ == "GoAwayFrame"
    late = [peer.ask(b"x" * 10_000) for _ in range(5)]
    assert not set(late) & set(peer.asked)
    assert peer.server.h2_conn.inbound_flow_control_window > 30_000, "they take no room from what is still open"
    assert len(peer.goaways) == 1


def test_streams_that_never_rest_are_told_after_a_while_and_go_on() -> None:
    peer = Peer()
    long = peer.ask()
    peer.part()
    peer.part(last=True)
    assert not peer.goaways, "it has opened nothing since: when that ends, it is at rest"
    other = peer.ask()
    assert peer.goaways == [(other, 0)]
    peer.answer(other)
    peer.answer(long)
    ended = [frame.stream_id for frame in peer.told if "END_STREAM" in frame.flags]
    assert ended == [other, long], "both are answered whole"


def test_a_client_that_has_just_come_may_ask_once() -> None:
    peer = Peer()
    peer.part()
    assert not peer.goaways
    peer.answer(peer.ask())
    assert peer.goaways == [(1, 0)]


def test_a_connection_that_has_ended_is_not_told() -> None:
    peer = Peer()
    peer.ask()
    for command in peer.server.handle_event(events.ConnectionClosed(peer.client)):
        assert isinstance(command, commands.CloseConnection | ReceiveHttp)
    peer.part()
    assert not peer.goaways
