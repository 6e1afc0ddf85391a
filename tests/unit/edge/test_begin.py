"""An exchange begins: the names it claims, what it may be encoded in, and what an earlier failure means for it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from mitmproxy import ctx
from mitmproxy.test import tflow

from harness.rig import Rig, chat
from weir.edge.begin import UPSTREAM_CONNECTIONS_MAX, claimed_names
from weir.edge.trace import link_of, trace_of
from weir.model import Inspection


@pytest.mark.parametrize(
    ("target", "sni", "host_header", "names"),
    [
        ("api.openai.com", "api.openai.com", "api.openai.com", ("api.openai.com",)),
        ("API.OpenAI.com.", "api.openai.com", "api.openai.com:443", ("api.openai.com",)),
        ("a.example", "b.example", "c.example", ("b.example", "a.example", "c.example")),  # TLS verifies the SNI
        ("192.0.2.7", "api.openai.com", "api.openai.com", ("api.openai.com",)),
        ("192.0.2.7", None, "api.openai.com", ("192.0.2.7", "api.openai.com")),  # nothing proves the name
        ("192.0.2.7", "api.openai.com", "192.0.2.7", ("api.openai.com", "192.0.2.7")),
        ("192.0.2.7", None, "192.0.2.7:8443", ("192.0.2.7",)),
        ("2001:db8::1", None, "[2001:db8::1]:443", ("2001:db8::1",)),
        ("host1", None, "host1", ("host1",)),
        ("a.example", "a.example", "", ("a.example",)),
    ],
)
def test_the_names_a_request_claims(
    rig: Rig, target: str, sni: str | None, host_header: str, names: tuple[str, ...]
) -> None:
    flow = rig.flow(host=target, sni=sni, headers={"host": host_header})
    if not host_header:
        del flow.request.headers["host"]
    assert claimed_names(flow) == names


def test_outside_a_tunnel_the_target_is_where_it_goes(rig: Rig) -> None:
    flow = rig.flow(host="192.0.2.7", sni="proxy.example", headers={"host": "api.openai.com"})
    flow.server_conn = type(flow.server_conn)(address=None)
    assert claimed_names(flow) == ("192.0.2.7", "api.openai.com")


def test_over_plain_http_the_sni_is_no_claim(rig: Rig) -> None:
    flow = rig.flow(host="a.example", sni="b.example")
    flow.request.scheme = "http"
    assert claimed_names(flow) == ("a.example",)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [("gzip, deflate, br, zstd", "gzip, deflate, br, zstd"), ("gzip, dcb", "gzip"), ("dcz", "identity"), (None, None)],
)
def test_only_readable_codings_are_asked_for(rig: Rig, asked: str | None, sent: str | None) -> None:
    flow = rig.flow(chat(), headers={"accept-encoding": asked} if asked else {})
    rig.play(flow, "requestheaders")
    assert flow.request.headers.get("accept-encoding") == sent


@pytest.mark.parametrize("refused", [True, False])
def test_a_condemned_connection_refuses_its_requests(make_rig: Callable[..., Rig], refused: bool) -> None:
    rig = make_rig(on_failure="block" if refused else "allow")
    flow = rig.flow(chat())
    link = link_of(flow.client_conn)
    link.failed, link.refused = "tls.tls_clienthello: ValueError", refused
    trace = rig.play(flow, "requestheaders")
    assert (trace.inspection, trace.failed) == (Inspection.FAILED, "tls.tls_clienthello: ValueError")
    assert (flow.response is not None) is refused and trace.failed_open is not refused


def test_messages_of_a_websocket_are_counted_and_let_go(rig: Rig) -> None:
    flow = tflow.twebsocketflow()
    rig.addon("begin").requestheaders(flow)
    trace = trace_of(flow)
    assert trace is not None and flow.websocket is not None
    up, down = trace.req_bytes, trace.resp_bytes
    last = flow.websocket.messages[-1]
    rig.addon("begin").websocket_message(flow)
    assert flow.websocket.messages == [last]
    size = len(last.content)
    assert (trace.req_bytes - up, trace.resp_bytes - down) == ((size, 0) if last.from_client else (0, size))


def test_an_h2_client_gets_more_than_five_upstream_connections(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    client = tflow.tclient_conn()
    handler = SimpleNamespace(max_conns=None)
    servers = SimpleNamespace(connections={client.id: handler})
    monkeypatch.setattr(ctx, "master", SimpleNamespace(addons={"proxyserver": servers}), raising=False)
    rig.addon("begin").client_connected(client)
    assert handler.max_conns["any address"]._value == UPSTREAM_CONNECTIONS_MAX  # type: ignore[index]
