"""A head that never becomes a request is bounded, and remembered for the connection's last record."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.test import taddons, tflow

from harness.layers import REPLY, Wire, post, sized
from harness.rig import Rig, chat
from weir.edge.trace import Link, link_of
from weir.edge.wire import http1, stream
from weir.edge.wire.http1 import WeirHttp1Server
from weir.sections_limits import Limits

GOOD = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


def feed(*pieces: bytes, close: bool = False) -> tuple[Link, list[commands.Command]]:
    with taddons.context() as ctx:
        client = tflow.tflow().client_conn
        server = WeirHttp1Server(context.Context(client, ctx.options))
        made = list(server.handle_event(events.Start()))
        for piece in pieces:
            made += server.handle_event(events.DataReceived(client, piece))
        if close:
            made += server.handle_event(events.ConnectionClosed(client))
        return link_of(client), made


def closes(made: list[commands.Command]) -> bool:
    return any(isinstance(command, commands.CloseConnection) for command in made)


@pytest.mark.parametrize("pieces", [(GOOD,), tuple(bytes([byte]) for byte in GOOD)])
def test_a_good_request_leaves_no_mark(pieces: tuple[bytes, ...]) -> None:
    link, made = feed(*pieces)
    assert link.broken == "" and not closes(made)
    assert any(isinstance(getattr(command, "event", None), http_layers.RequestHeaders) for command in made)


@pytest.mark.parametrize("bad", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_nonsense_is_marked(bad: bytes) -> None:
    link, made = feed(bad)
    assert link.broken == "malformed request" and closes(made)


@pytest.mark.parametrize("line", [b"GET /" + b"a" * 70_000, b"X: " + b"b" * 70_000])
def test_a_head_without_end_is_cut_off(line: bytes) -> None:
    link, made = feed(*[line] * (Limits().head_bytes_max // len(line) + 1))
    assert link.broken == "request head over the limit" and closes(made)
    assert b" 431 " in b"".join(command.data for command in made if isinstance(command, commands.SendData))


def test_a_long_head_below_the_limit_is_fine() -> None:
    link, made = feed(b"GET / HTTP/1.1\r\nHost: a.example\r\nCookie: " + b"c" * 100_000 + b"\r\n\r\n")
    assert link.broken == "" and not closes(made)


def test_leaving_in_mid_head_is_marked_and_leaving_between_requests_is_not() -> None:
    assert feed(b"GET / HT", close=True)[0].broken == "client left in the middle of a request's head"
    assert feed(close=True)[0].broken == ""


def test_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_layers, "Http1Server", http_layers.Http1Server)
    http1.install()
    assert http_layers.Http1Server is WeirHttp1Server


@pytest.mark.parametrize("how", ["asked for", "answered with", "HTTP/1.0"])
def test_what_was_sent_ahead_of_a_close_is_no_request(how: str, make_rig: Callable[..., Rig], put_back: None) -> None:
    """Nobody answers it, and nobody hears of it: it goes nowhere, so there is nothing to record."""
    stream.install()
    wire, first, reply = Wire(make_rig()), post(chat("one")), sized(REPLY)
    if how == "asked for":
        first = first.replace(b"Host:", b"Connection: close\r\nHost:", 1)
    elif how == "HTTP/1.0":
        first = first.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    else:
        reply = reply.replace(b"Content-Type", b"Connection: close\r\nContent-Type", 1)
    wire.client(first + post(chat("two")))
    wire.upstream(reply)
    wire.client(post(chat("three")))
    assert wire.to_client.count(b" 200 OK") == 1 and wire.peer in wire.closed
    assert len(wire.servers) == 1 and wire.to_upstream.count(b"POST ") == 1
    assert [record.kind for record in wire.rig.records] == ["request", "response"]


@pytest.mark.parametrize("apart", [False, True])
def test_interim_heads_are_counted_for_each_reply(apart: bool, make_rig: Callable[..., Rig], put_back: None) -> None:
    """Some servers send one each time, and connections last."""
    stream.install()
    wire, count = Wire(make_rig()), http1.INTERIM_MAX + 3
    for _ in range(count):
        wire.client(post(chat("hello")))
        early, reply = b"HTTP/1.1 103 Early Hints\r\n\r\n", sized(REPLY)
        for piece in (early, reply[:60], reply[60:]) if apart else (early + reply,):
            wire.upstream(piece)
    assert wire.to_client.count(b" 200 OK") == count and len(wire.servers) == 1
