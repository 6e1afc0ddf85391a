"""A body over the limit is a decision: refused before anything goes up, or passed on unread and recorded so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.layers import REPLY, Wire, body_of, post, sized
from harness.rig import Rig, chat
from weir.edge.wire import stream, upload

pytestmark = pytest.mark.usefixtures("put_back")

SMALL = {"body_bytes_max": 65536, "peek_bytes_max": 2048}


@pytest.fixture
def wire(make_rig: Callable[..., Rig]) -> Callable[..., Wire]:
    stream.install()

    def make(**sections: Any) -> Wire:
        return Wire(make_rig(**sections))

    return make


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_decided_on_before_it_has_come(wire: Callable[..., Wire], declared: bool) -> None:
    one = wire(limits=SMALL)
    body = chat("x" * 100_000)
    request = post(body)
    if declared:
        one.client(request[:1000])
    else:
        head = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        one.client(head + b"%x\r\n" % len(body) + body)
    assert "request" in one.hooks and one.trace.oversize and one.to_client == b""
    one.client(request[1000:] if declared else b"\r\n0\r\n\r\n")
    assert one.to_client.startswith(b"HTTP/1.1 4") and one.servers == []
    assert [(r.kind, r.inspection, r.inspection_reason) for r in one.rig.records] == [
        ("block", "failed", "body over the limit"),
    ]  # fmt: skip
    one.client(post(chat("small")))
    assert body_of(one.to_upstream) == chat("small")  # and the connection goes on


def test_a_refused_upload_is_not_read_for_ever(wire: Callable[..., Wire]) -> None:
    one = wire(limits=SMALL)
    one.client(post(b"x" * 70_000, length=10_000_000))
    for _ in range(8):
        if one.closed:
            break
        one.client(b"x" * 65536)
    assert one.peer in one.closed and one.servers == []


def test_a_body_over_the_limit_that_may_pass(wire: Callable[..., Wire]) -> None:
    one = wire(limits=SMALL, on_failure="allow", mode="observe")
    body = chat("x" * 100_000)
    request = post(body)
    one.client(request[:70_000])
    assert one.trace.oversize and body_of(one.to_upstream) == body_of(request[:70_000])
    one.client(request[70_000:])
    assert body_of(one.to_upstream) == body
    one.upstream(sized(REPLY))
    assert body_of(one.to_client) == REPLY
    last = one.rig.records[-1]
    assert (last.kind, last.inspection, last.req_bytes) == ("response", "failed", len(body))


def test_other_hosts_are_looked_at_as_far_as_a_peek(wire: Callable[..., Wire]) -> None:
    one = wire(limits=SMALL, mode="observe")
    body = b"y" * 5000
    one.client(post(body, host="shop.example", path="/upload"))
    assert one.trace.oversize and body_of(one.to_upstream) == body
    one.upstream(sized(b"thanks"))
    assert [(r.kind, r.service) for r in one.rig.records] == [("request", ""), ("response", "")]


HOST = {"limits": SMALL, "services": {"otherwise": "tolerated"}}


@pytest.mark.parametrize(("size", "inspection"), [(6000, "inspected"), (70_000, "failed")])
def test_a_long_body_that_begins_like_one_for_ai_is_read_whole(
    wire: Callable[..., Wire], size: int, inspection: str
) -> None:
    one = wire(**HOST)
    request = post(chat("x" * size), host="app.corp.example")
    one.client(request[:2600])
    assert one.to_upstream == b"" and ("request" in one.hooks) == (inspection == "failed")
    one.client(request[2600:])
    assert one.trace.discovered and one.trace.inspection == inspection
    assert bool(one.to_upstream) == (inspection == "inspected")


def test_any_other_long_body_passes_as_it_comes(wire: Callable[..., Wire]) -> None:
    one = wire(**HOST)
    one.client(post(b'{"model": "T-7", "parts": ["' + b"x" * 6000, host="app.corp.example", length=9000))
    assert one.to_upstream and one.trace.oversize and not one.trace.is_ai


STRICT = {"identity": {"required": True}, "limits": SMALL}


@pytest.mark.parametrize("expects", [True, False])
def test_what_headers_are_enough_to_refuse_is_answered_before_the_body(
    wire: Callable[..., Wire], expects: bool
) -> None:
    one = wire(**STRICT)
    body = chat("x" * 10_000)
    request = post(body)
    head = request[: -len(body)]
    one.client(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") if expects else head)
    assert one.to_client.startswith(b"HTTP/1.1 403") and b"100 Continue" not in one.to_client
    assert b"identity-required" in one.to_client
    assert [(r.kind, r.rule_id) for r in one.rig.records] == [("block", "identity-required")]
    assert one.trace.body is None and not one.closed
    one.client(body)
    assert one.hooks.count("request") == 1 and one.to_client.count(b"HTTP/1.1 ") == 1 and one.servers == []
    assert len(one.rig.records) == 1
    one.client(request)  # the connection goes on
    assert one.to_client.count(b"HTTP/1.1 403") == 2 and len(one.rig.records) == 2


def test_a_refused_client_that_sends_on_and_on_is_cut(wire: Callable[..., Wire]) -> None:
    one = wire(**STRICT)
    one.client(post(b"x" * 1000, length=10_000_000))
    assert one.to_client.startswith(b"HTTP/1.1 403")
    for _ in range(8):
        if one.closed:
            break
        one.client(b"x" * 65536)
    assert one.peer in one.closed and one.to_client.count(b"HTTP/1.1 ") == 1
    assert [r.kind for r in one.rig.records] == ["block"]


def test_a_stream_that_is_over_holds_itself_no_more(wire: Callable[..., Wire]) -> None:
    one, streams = wire(), []
    one.on["request"] = lambda _: streams.extend(one.layer.streams.values())
    for number in range(3):  # else it and all that its exchange held would wait for the collector
        one.client(post(chat(f"words {number}")))
        one.upstream(sized(REPLY))
    assert one.to_client.count(b"HTTP/1.1 200") == 3 == len(streams) and not one.layer.streams
    for stream_over in streams:
        assert all(getattr(value, "__self__", None) is not stream_over for value in vars(stream_over).values())
        assert stream_over.context.layers == []


def test_what_comes_for_a_stream_that_is_over_is_an_error() -> None:
    with pytest.raises(AssertionError, match="is over"):
        list(upload._ended(None))
