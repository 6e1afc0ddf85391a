"""One exchange on the wire: what goes where, when, and what a failure or a limit does to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
import pytest
from mitmproxy.proxy import events

from harness.layers import REPLY, Wire, answer, body_of, post, sized
from harness.rig import ADDRESS, CREDENTIAL, Rig, chat
from weir.edge.wire import stream
from weir.edge.wire.chunk import ChunkData
from weir.edge.wire.failover import FailoverStream
from weir.edge.wire.stream import WeirStream

pytestmark = pytest.mark.usefixtures("put_back")


@pytest.fixture
def wire(make_rig: Callable[..., Rig]) -> Callable[..., Wire]:
    stream.install()

    def make(**sections: Any) -> Wire:
        return Wire(make_rig(**sections))

    return make


def test_an_exchange(wire: Callable[..., Wire]) -> None:
    one = wire()
    body = chat("hello")
    one.client(post(body))
    assert isinstance(one.layer.streams[1], WeirStream)
    assert body_of(one.to_upstream) == body
    assert [r.kind for r in one.rig.records] == ["request"]  # the record stands before a byte has gone up
    one.upstream(sized(REPLY))
    assert one.to_client.startswith(b"HTTP/1.1 200 OK") and body_of(one.to_client) == REPLY
    assert one.hooks == [
        "requestheaders", "request", "server_connect", "responseheaders", "response",
    ]  # fmt: skip
    record = one.rig.records[-1]
    assert (record.kind, record.input_tokens, record.resp_bytes) == ("response", 3, len(REPLY))
    assert record.ttft_us is not None and record.overhead_us is not None


def test_each_chunk_goes_on_before_the_next_comes(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.client(post(chat("hello")))
    one.upstream(sized(REPLY)[:-40])
    assert body_of(one.to_client) == REPLY[:-40]
    one.upstream(REPLY[-40:-1])
    assert body_of(one.to_client) == REPLY[:-1] and not one.trace.closed
    one.upstream(REPLY[-1:])
    assert body_of(one.to_client) == REPLY and one.trace.closed
    assert one.chunks == []  # a reply that is only read costs no hook
    one.client(post(chat("again")))
    one.upstream(sized(REPLY))
    assert len(one.servers) == 1 and [r.kind for r in one.rig.records] == ["request", "response"] * 2


def test_an_edited_reply_goes_through_the_hook(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.client(post(chat(f"to {ADDRESS}")))
    assert ADDRESS.encode() not in one.to_upstream
    reply = REPLY.replace(b"Hi.", b"To <EMAIL_ADDRESS_1>.")
    one.upstream(sized(reply)[:-20])
    one.upstream(reply[-20:])
    assert len(one.chunks) >= 2 and one.chunks[-1] == b""
    assert f"To {ADDRESS}." in one.to_client.decode()
    assert b"transfer-encoding: chunked" in one.to_client.lower() and b"content-length" not in one.to_client.lower()
    assert one.to_client.endswith(b"0\r\n\r\n") and one.trace.closed


def test_a_reply_without_a_length_ends_with_its_connection(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.client(post(chat("hello")))
    one.upstream(answer(REPLY))
    assert not one.trace.closed
    one.upstream_leaves()
    assert REPLY in one.to_client and one.to_client.endswith(b"0\r\n\r\n") and one.trace.closed
    assert one.peer not in one.closed


def test_a_refusal_goes_out_and_nothing_goes_up(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.client(post(chat(f"key {CREDENTIAL}")))
    assert one.servers == [] and one.to_client.startswith(b"HTTP/1.1 400")
    assert json.loads(body_of(one.to_client))["error"]["code"]
    assert [r.kind for r in one.rig.records] == ["block"]


def test_an_upstream_that_is_down(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.refuses = "Connect call failed"
    one.client(post(chat("hello")))
    assert one.to_client.startswith(b"HTTP/1.1 502") and one.trace.closed
    last = one.rig.records[-1]
    assert (last.kind, last.reason) == ("response", "upstream could not be reached")


def test_a_connection_that_weir_refused_is_its_own_answer(wire: Callable[..., Wire]) -> None:
    one = wire()

    def refuse(data: Any) -> None:
        one.trace.link.failed, one.trace.link.refused = "resolve.server_connect: KeyError", True
        data.server.error = "refused by weir: internal failure"

    one.on["server_connect"] = refuse
    one.client(post(chat("hello")))
    assert one.to_client.startswith(b"HTTP/1.1 503") and one.servers == []
    assert one.rig.records[-1].http_status == 503 and one.trace.closed


def test_a_failure_at_the_replys_headers_replaces_it(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = wire()
    one.client(post(chat("hello")))

    def broken(*_: object, **__: object) -> None:
        raise KeyError("canary")

    monkeypatch.setattr(type(one.trace.dialect), "reader", broken)
    one.upstream(sized(REPLY))
    assert one.to_client.startswith(b"HTTP/1.1 503") and REPLY not in one.to_client and b"canary" not in one.to_client
    assert one.servers[0] in one.closed and one.trace.failed == "providers.responseheaders: KeyError"
    assert one.rig.records[-1].inspection == "failed"


def started(one: Wire) -> None:
    one.client(post(chat(f"to {ADDRESS}")))
    one.upstream(answer(REPLY[:50], f"Content-Length: {len(REPLY)}"))


def test_a_cut_ends_both_sides(wire: Callable[..., Wire]) -> None:
    one = wire()

    def cut(data: ChunkData) -> None:
        data.abort, data.out = "dlp.response_chunk: KeyError", []

    started(one)
    one.on["response_chunk"] = cut
    one.upstream(REPLY[50:100])
    assert {one.servers[0], one.peer} <= set(one.closed)
    assert not one.to_client.endswith(b"0\r\n\r\n")  # the client must see that something is missing
    last = one.rig.records[-1]
    assert (last.kind, last.reason) == ("response", "dlp.response_chunk: KeyError")
    assert one.hooks[-1] == "error" and one.trace.closed


def test_last_words_go_out_before_a_cut(wire: Callable[..., Wire]) -> None:
    one = wire()

    def cut(data: ChunkData) -> None:
        data.abort, data.out = "stopped", [b"event: error\n\n"]

    started(one)
    one.on["response_chunk"] = cut
    one.upstream(REPLY[50:100])
    assert b"event: error\n\n" in one.to_client and one.servers[0] in one.closed


def test_a_reply_can_be_finished_early(wire: Callable[..., Wire]) -> None:
    one = wire()

    def finish(data: ChunkData) -> None:
        data.finish, data.out = True, [b"that is all"]

    started(one)
    one.on["response_chunk"] = finish
    one.upstream(REPLY[50:100])
    assert b"that is all" in one.to_client and one.to_client.endswith(b"0\r\n\r\n")
    assert one.servers[0] in one.closed and one.peer not in one.closed
    assert one.hooks[-1] == "response" and one.trace.closed
    one.on.clear()
    one.client(post(chat("again")))
    assert len(one.servers) == 2 and body_of(one.to_upstream) == chat("again")


def test_a_client_that_leaves_takes_the_upstream_with_it(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.client(post(chat("hello")))
    one.upstream(sized(REPLY)[:-40])
    one.client_leaves()
    assert one.servers[0] in one.closed and one.trace.closed
    last = one.rig.records[-1]
    assert (last.kind, last.reason) == ("response", "client closed the connection")


def test_an_upstream_that_leaves_in_the_middle(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.client(post(chat("hello")))
    one.upstream(sized(REPLY)[:-40])
    one.upstream_leaves()
    assert one.peer in one.closed and one.trace.closed
    assert "closed the connection" in one.rig.records[-1].reason


BOTH = "Content-Length: 5\r\nTransfer-Encoding: chunked"


@pytest.mark.parametrize("rest", [b"0\r\n\r\n", b"3\r\none\r\n0\r\n\r\n", b"no chunk\r\n\r\n", b"5\r\npart"])
@pytest.mark.parametrize("kind", [WeirStream, FailoverStream])
def test_what_an_upstream_that_was_given_up_has_in_hand_is_nobodys(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch, kind: type[WeirStream], rest: bytes
) -> None:
    """Its packet is read to the end while the `error` hook is at it; the client's connection goes on."""
    monkeypatch.setattr(http_layers, "HttpStream", kind)
    one = wire()
    monkeypatch.setattr(http_layers, "HttpStream", kind)  # `wire` installs its own
    one.client(post(chat("hello")))
    one.upstream(answer(rest, BOTH))
    assert one.to_client.startswith(b"HTTP/1.1 502") and one.trace.closed
    assert one.servers[0] in one.closed and one.peer not in one.closed and not one.layer.streams
    sent = len(one.to_client)
    one.client(post(chat("again")))
    one.upstream(sized(REPLY))
    assert len(one.servers) == 2 and body_of(one.to_client[sent:]) == REPLY


def test_a_malformed_reply_that_goes_on_while_its_error_is_recorded(wire: Callable[..., Wire]) -> None:
    """Its second half fails as well, and that is no failure of the client's next exchange."""
    one = wire()
    one.client(post(chat("hello")))
    more = [b"no head at all\r\n\r\n"]

    def go_on(_: Any) -> None:
        if more:
            one._feed(events.DataReceived(one.servers[-1], more.pop()))

    one.on["error"] = go_on
    one.upstream(b"what?\r\n\r\n")
    assert not more and one.to_client.startswith(b"HTTP/1.1 502") and one.to_client.count(b"HTTP/1.1") == 1
    assert one.peer not in one.closed and not one.layer.streams
    sent = len(one.to_client)
    one.client(post(chat("again")))
    one.upstream(sized(REPLY))
    assert body_of(one.to_client[sent:]) == REPLY


@pytest.mark.parametrize("ends", [True, False])
def test_a_held_reply_that_fails_in_the_middle_of_its_packet(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    one = wire()
    one.client(post(chat("hello")))
    held: list[Any] = []

    def hold(flow: Any) -> None:
        look, pipe = one.trace.look, one.trace.pipe
        assert look and pipe
        monkeypatch.setattr(type(look), "holds", True)
        monkeypatch.setattr(type(pipe), "feed", lambda *_: held[1])
        held.append(flow)

    one.on["responseheaders"] = hold
    data = answer(b"3\r\none\r\n3\r\ntwo\r\n" + b"0\r\n\r\n" * ends, "Transfer-Encoding: chunked")
    one.upstream(data)
    assert held and one.to_client.startswith(b"HTTP/1.1 503") and one.trace.closed
    assert one.servers[0] in one.closed and one.peer not in one.closed and not one.layer.streams


def test_a_side_that_is_over_hears_nothing_else(wire: Callable[..., Wire]) -> None:
    one = wire()
    one.client(post(chat("hello")))
    made: Any = one.layer.streams[1]
    with pytest.raises(AssertionError, match="over got ResponseEndOfMessage"):
        list(made.state_done(http_layers.ResponseEndOfMessage(1)))


def test_install() -> None:
    stream.install()
    stream.install()
    assert http_layers.HttpStream is WeirStream
