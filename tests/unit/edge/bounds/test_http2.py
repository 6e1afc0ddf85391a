"""mitmproxy's HTTP/2 with bounds, and the places of mitmproxy and h2 that they rely on."""

from __future__ import annotations

from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
import mitmproxy.proxy.layers.http as http_layers
import pytest
from mitmproxy import http
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http import (
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
)
from mitmproxy.test import taddons, tflow

from weir.edge.bounds import http2
from weir.edge.bounds.http2 import WeirHttp2Server
from weir.edge.bounds.kept import Bounds
from weir.edge.trace import link_of
from weir.sections_limits import Limits

FIELDS = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]


class Peer:
    """A client, and the layer that serves it."""

    def __init__(self, **limits: Any) -> None:
        with taddons.context(proxyserver.Proxyserver()) as ctx:
            self.client = tflow.tflow().client_conn
            self.link = link_of(self.client)
            self.link.bounds = Bounds(limits=Limits(**limits))
            self.server = WeirHttp2Server(context.Context(self.client, ctx.options))
            self.state = h2.connection.H2Connection(h2.config.H2Configuration())
            self.state.initiate_connection()
            self.heard, self.ended = b"", list[int]()  # of replies
            self.hear(self.server.handle_event(events.Start()))

    def hear(self, made: Any) -> None:
        self.closed = False
        for command in made:
            if isinstance(command, commands.SendData):
                for one in self.state.receive_data(command.data):
                    if isinstance(one, h2.events.DataReceived):
                        self.heard += one.data
                    elif isinstance(one, h2.events.StreamEnded):
                        self.ended.append(one.stream_id)
            self.closed |= isinstance(command, commands.CloseConnection)

    def say(self, data: bytes = b"") -> None:
        said = data or self.state.data_to_send()
        self.hear(self.server.handle_event(events.DataReceived(self.client, said)))

    def ask(self) -> int:
        number = self.state.get_next_available_stream_id()
        self.state.send_headers(number, FIELDS, end_stream=True)
        self.say()
        return number


def test_what_a_client_has_no_window_for_is_counted() -> None:
    peer = Peer(unread_bytes_max="64 KiB")
    number = peer.ask()
    response = http.Response.make(200)
    del response.headers["content-length"]
    head = ResponseHeaders(number, response, False)
    peer.hear(peer.server.handle_event(head))
    for _ in range(10):
        peer.hear(peer.server.handle_event(ResponseData(number, b"x" * 20_000)))
    backlog = peer.link.bounds.backlogs[peer.client]
    assert (backlog.held, backlog.taken) == (200_000 - 65_535, 65_535)
    peer.state.increment_flow_control_window(100_000, number)
    peer.state.increment_flow_control_window(100_000)
    peer.say()
    assert (backlog.held, backlog.taken) == (200_000 - 165_535, 165_535)


def test_small_pieces_that_wait_are_few() -> None:
    peer = Peer()
    number = peer.ask()
    response = http.Response.make(200)
    del response.headers["content-length"]
    peer.hear(peer.server.handle_event(ResponseHeaders(number, response, False)))
    sent = b"".join(b"%06d" % at for at in range(20_000))
    for at in range(0, len(sent), 6):
        peer.hear(peer.server.handle_event(ResponseData(number, sent[at : at + 6])))
    peer.hear(peer.server.handle_event(ResponseEndOfMessage(number)))
    (waiting,) = peer.server.h2_conn.stream_buffers.values()
    assert len(waiting) < 10 and peer.link.bounds.backlogs[peer.client].held == len(sent) - 65_535
    peer.state.increment_flow_control_window(100_000, number)
    peer.state.increment_flow_control_window(100_000)
    peer.say()
    assert peer.heard == sent and peer.ended == [number]


def test_what_waits_for_its_turn_upstream_is_counted() -> None:
    peer = Peer()
    layer = http2.WeirHttp2Client(peer.server.context)
    upstream = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    upstream.initiate_connection()

    def say(event: events.Event) -> None:
        for one in layer.handle_event(event):
            if isinstance(one, commands.SendData):
                upstream.receive_data(one.data)

    say(events.Start())
    upstream.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    say(events.DataReceived(layer.conn, upstream.data_to_send()))
    backlog = peer.link.bounds.backlogs[layer.conn]
    request = http.Request.make("POST", "https://a.example/")
    request.headers = http.Headers(host="a.example")
    for number in (1, 3):
        say(RequestHeaders(number, request, False))
    for _ in range(3000):
        say(RequestData(3, b"x" * 100))
    assert backlog.held == 300_000 and len(layer.stream_queue[3]) < 100
    say(RequestEndOfMessage(1))
    upstream.reset_stream(1)
    say(events.DataReceived(layer.conn, upstream.data_to_send()))
    assert not layer.stream_queue and backlog.held == 300_000 - 65_535, "the second has begun"


def test_streams_and_their_resets() -> None:
    peer = Peer(streams_max=2)
    for _ in range(2 * 2 + 100):
        number = peer.ask()
        peer.state.reset_stream(number)
        peer.say()
    assert not peer.closed
    peer.state.reset_stream(peer.ask())
    peer.say()
    assert peer.closed and peer.link.refused_why == "streams reset over the limit"


def test_a_head_in_pieces_is_timed() -> None:
    peer = Peer()
    peer.say()
    assert peer.link.bounds.head_since == 0.0
    peer.state.send_headers(1, FIELDS)
    data = peer.state.data_to_send()
    for piece in (data[:2], data[2:12]):
        peer.say(piece)
        assert peer.link.bounds.head_since > 0
    peer.say(data[12:])
    assert peer.link.bounds.head_since == 0.0
    peer.state.send_data(1, b"x" * 100)
    peer.say(peer.state.data_to_send()[:20])  # a body has a rate of its own
    assert peer.link.bounds.head_since == 0.0


@pytest.mark.parametrize("limit", ["4 KiB", "16 KiB"])
def test_a_head_too_long(limit: str) -> None:
    peer = Peer(head_bytes_max=limit)
    peer.state.send_headers(1, [*FIELDS, ("x-long", "é" * 10_000)])
    peer.say()
    assert peer.closed and peer.link.refused_why == "request head over the limit"


def test_the_lookups_relied_on() -> None:
    http2.install()
    assert http_layers.Http2Server is http2.WeirHttp2Server and http_layers.Http2Client is http2.WeirHttp2Client


def test_a_peer_makes_nobody_remember_more_headers_than_usual() -> None:
    peer = Peer()
    peer.state.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 1 << 30})
    peer.say()
    for number in range(300):
        stream = peer.ask()
        peer.hear(
            peer.server.handle_event(ResponseHeaders(stream, http.Response.make(204, b"", {"id": f"{number}"}), True))
        )
        peer.hear(peer.server.handle_event(http_layers.ResponseEndOfMessage(stream)))
    table = peer.server.h2_conn.encoder.header_table
    assert table.maxsize == http2.TABLE_BYTES_MAX and len(table.dynamic_entries) < 150
    assert isinstance(http2.WeirHttp2Client(peer.server.context).h2_conn.encoder, http2._Encoder)


@pytest.mark.parametrize("at_once", [False, True], ids=["its head was heard", "its head came with it"])
def test_a_body_that_is_broken_off_is_told_by_its_request_where_that_was_heard(at_once: bool) -> None:
    peer = Peer()
    number = peer.state.get_next_available_stream_id()
    peer.state.send_headers(number, [*FIELDS[1:], (":method", "POST"), ("content-length", "79")])
    if not at_once:
        peer.say()
    peer.state.send_data(number, b"", end_stream=True)
    peer.say()
    assert peer.closed
    assert peer.link.broken == ("malformed HTTP/2" if at_once else "")
