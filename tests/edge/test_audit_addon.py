"""A record before forwarding, a record after, and no forwarding without the first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mitmproxy import flow as mitm_flow
from mitmproxy import http
from mitmproxy.test import tflow

from harness.rig import CREDENTIAL, Rig, chat, run
from weir.edge.trace import link_of

OK = b'{"object":"chat.completion","model":"m","choices":[]}'


@pytest.mark.parametrize(("durability", "waited"), [("strict", 1), ("available", 0)])
def test_one_record_before_and_one_after(make_rig: Callable[..., Rig], durability: str, waited: int) -> None:
    rig = make_rig(audit={"durability": durability})
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    assert [r.kind for r in rig.records] == ["request"] and trace.recorded and not trace.closed
    rig.reply(flow, OK)
    assert [r.kind for r in rig.records] == ["request", "response"]
    assert len({r.exchange_id for r in rig.records}) == 1 and len({r.event_id for r in rig.records}) == 2
    assert trace.closed and rig.ledger.waited_for == waited  # the reply's client does not wait for the disk
    run(rig.addon("audit").error(flow))
    assert len(rig.records) == 2


def test_strict_refuses_what_the_disk_does_not_take(rig: Rig) -> None:
    rig.ledger.down = "no space"
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 503
    assert flow.response.headers["x-weir-rule"] == "audit-unavailable" == trace.refused_by
    assert trace.closed and not rig.records


def test_available_goes_on(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(audit={"durability": "available"})
    rig.ledger.down = "no space"
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", "request")
    assert flow.response is None and [r.kind for r in rig.records] == ["request"]


def test_a_block_has_one_record(rig: Rig) -> None:
    flow = rig.flow(chat(f"key {CREDENTIAL}"))
    trace = rig.play(flow, "requestheaders", "request", "response")
    assert [(r.kind, r.http_status, r.action) for r in rig.records] == [("block", 400, "block")]
    assert trace.closed and rig.ledger.waited_for == 1
    assert rig.records[0].findings[0].detector.startswith("secret/") and CREDENTIAL not in repr(rig.records)


def test_a_client_that_leaves_before_forwarding(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders")
    flow.error = mitm_flow.Error("Client disconnected.")
    rig.play(flow, "error")
    assert [(r.kind, r.reason) for r in rig.records] == [("error", "client closed the connection")] and trace.closed


def test_a_cut_after_forwarding(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    trace.forwarded_ns = 1
    flow.error = mitm_flow.Error("server closed connection with secret words")
    rig.play(flow, "error")
    assert [(r.kind, r.reason) for r in rig.records][1] == ("response", "upstream closed the connection")


def test_a_flow_without_a_trace_is_recorded_all_the_same(rig: Rig) -> None:
    flow = tflow.tflow(resp=True)
    link_of(flow.client_conn).failed = "begin.requestheaders: ValueError"
    run(rig.addon("audit").request(flow))
    assert not rig.records
    run(rig.addon("audit").response(flow))
    assert [(r.kind, r.reason, r.inspection) for r in rig.records] == [
        ("block", "begin.requestheaders: ValueError", "failed"),
    ]  # fmt: skip


def test_a_websocket_ends_when_it_ends(rig: Rig) -> None:
    flow = rig.flow(b"", host="shop.example", path="/live", method="GET", headers={"upgrade": "websocket"})
    trace = rig.play(flow, "requestheaders", "request")
    trace.forwarded_ns = 1
    flow.response = http.Response.make(101)
    flow.websocket = tflow.twebsocket()
    rig.play(flow, "response")
    assert not trace.closed
    rig.play(flow, "websocket_end")
    assert [r.kind for r in rig.records] == ["request", "response"] and trace.closed


def test_a_refused_tunnel(rig: Rig) -> None:
    flow = rig.flow(method="CONNECT")
    run(rig.addon("audit").http_connect(flow))
    assert not rig.records
    flow.response = http.Response.make(407)
    run(rig.addon("audit").http_connect(flow))
    assert [(r.kind, r.reason, r.host) for r in rig.records] == [("block", "tunnel refused", "api.openai.com")]
    assert link_of(flow.client_conn).closed
