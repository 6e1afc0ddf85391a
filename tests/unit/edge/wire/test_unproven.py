"""Whose word it is where a connection goes, and what a client that knows of no proxy must not be offered."""

from __future__ import annotations

import pytest
from mitmproxy import flow as mitm_flow
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode

from harness.rig import Rig
from weir.edge.answer import gateway_error
from weir.edge.wire.unproven import is_unproven, keep_to_tcp

WRONG = "Certificate verify failed: hostname mismatch"


@pytest.mark.parametrize(
    ("target", "sni", "error", "expected"),
    [
        ("203.0.113.66", "api.openai.com", WRONG, True),
        ("2001:db8::66", "api.openai.com", WRONG, True),
        ("203.0.113.66", "api.openai.com", "connection refused", False),
        ("203.0.113.66", "api.openai.com", "", False),
        ("203.0.113.66", None, WRONG, False),  # the client named nothing that the server could fail to be
        ("api.openai.com", "api.openai.com", WRONG, False),  # weir looked the address up itself
    ],
)
def test_a_server_that_is_not_what_the_client_called_it(
    rig: Rig, target: str, sni: str | None, error: str, expected: bool
) -> None:
    flow = rig.flow(host=target, sni=sni)
    flow.error = mitm_flow.Error(error) if error else None
    assert is_unproven(flow) is expected


@pytest.mark.parametrize(("target", "rule"), [("203.0.113.66", "destination-unproven"), ("api.openai.com", "upstream")])
def test_the_client_and_the_record_are_told(rig: Rig, target: str, rule: str) -> None:
    flow = rig.flow(host=target, sni="api.openai.com")
    trace = rig.play(flow, "requestheaders")
    flow.error = mitm_flow.Error(WRONG)
    gateway_error(flow)
    assert flow.response is not None and flow.response.status_code == 502
    assert flow.response.headers["x-weir-rule"] == rule
    assert (trace.refused_by == rule) is (rule == "destination-unproven")
    assert ("x-should-retry" in flow.response.headers) is (
        rule == "destination-unproven"
    )  # another try would end the same way


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("regular", True), ("upstream:http://up.example:1", True), ("socks5", True)]
    + [(mode, False) for mode in ("transparent", "wireguard", "local", "reverse:https://api.openai.com")],
)
def test_another_way_is_offered_only_to_clients_that_know_of_the_proxy(rig: Rig, mode: str, kept: bool) -> None:
    flow = rig.flow()
    rig.play(flow, "requestheaders")
    keep_to_tcp(flow)  # without a response there is nothing to do
    flow.response = http.Response.make(200, b"{}", {"alt-svc": 'h3=":443"'})
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    rig.play(flow, "responseheaders")
    assert ("alt-svc" in flow.response.headers) is kept
