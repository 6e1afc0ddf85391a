"""Who calls: carried from the tunnel to its requests, and the proof never goes upstream."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.test import tflow

from harness.rig import Rig, chat, run
from weir.edge.trace import link_of
from weir.identity import users
from weir.model import ANONYMOUS

QUICK = users.Work(log2_n=10, r=1, p=1)
NETWORK = {"cidr": "10.1.0.0/16", "team": "finance", "user": "desk"}


def basic(name: str, password: str) -> dict[str, str]:
    return {"proxy-authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def users_file(tmp_path: Path) -> str:
    path = tmp_path / "users"
    users.add(path, "jane", "correct horse", team="legal", app="ide", work=QUICK)
    return str(path)


def connect(rig: Rig, headers: dict[str, str] | None = None, flow: Any = None) -> Any:
    flow = flow or rig.flow(method="CONNECT", headers=headers)
    run(rig.addon("identity").http_connect(flow))
    return flow


def test_a_tunnels_principal_holds_for_its_requests(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file})
    tunnel = connect(rig, basic("jane", "correct horse"))
    assert tunnel.response is None
    assert "proxy-authorization" not in tunnel.request.headers
    inner = rig.flow(chat())
    inner.client_conn = tunnel.client_conn
    trace = rig.play(inner, "requestheaders")
    assert (trace.principal.user, trace.principal.team, trace.principal.method) == ("jane", "legal", "basic")
    assert link_of(tunnel.client_conn).host == "api.openai.com"


@pytest.mark.parametrize(
    "headers", [basic("jane", "wrong"), basic("nobody", "x"), {"proxy-authorization": "Bearer something"}]
)
def test_wrong_credentials_are_refused(make_rig: Callable[..., Rig], users_file: str, headers: dict[str, str]) -> None:
    rig = make_rig(identity={"users": users_file})
    tunnel = connect(rig, headers)
    assert tunnel.response.status_code == 407
    assert tunnel.response.headers["proxy-authenticate"].startswith("Basic realm=")
    assert link_of(tunnel.client_conn).refused
    run(rig.addon("audit").http_connect(tunnel))
    assert [(r.kind, r.http_status) for r in rig.records] == [("block", 407)]


@pytest.mark.parametrize(
    ("required", "virtual_key", "asked"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_tunnel_without_credentials(
    make_rig: Callable[..., Rig], users_file: str, required: bool, virtual_key: bool, asked: bool
) -> None:
    """Where virtual keys exist, the request inside may still say who calls."""
    rig = make_rig(identity={"users": users_file, "required": required})
    if virtual_key:
        rig.state.virtual_keys.create(app="crawler")
    tunnel = connect(rig)
    assert (tunnel.response is not None) is asked


def test_the_network_counts_where_nothing_stronger_does(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file, "networks": [NETWORK]})
    assert rig.play(rig.flow(chat()), "requestheaders").principal.team == "finance"
    assert rig.play(rig.flow(chat(), peer="192.0.2.1"), "requestheaders").principal == ANONYMOUS
    tunnel = connect(rig, basic("jane", "correct horse"))
    principal = link_of(tunnel.client_conn).principal
    assert (principal.user, principal.team) == ("jane", "legal")  # taken whole: no gaps filled from the network


def test_absolute_form_requests_bring_their_own(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file})
    good = rig.flow(chat(), headers=basic("jane", "correct horse"))
    assert rig.play(good, "requestheaders").principal.user == "jane"
    bad = rig.flow(chat(), headers=basic("jane", "wrong"))
    rig.play(bad, "requestheaders")
    assert bad.response.status_code == 407
    for flow in (good, bad):
        assert "proxy-authorization" not in flow.request.headers


def test_credentials_come_off_even_where_nobody_looks_at_them(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file})
    refused = rig.flow(chat(), headers=basic("jane", "correct horse"))
    refused.response = tflow.tresp()
    run(rig.addon("identity").requestheaders(refused))
    assert "proxy-authorization" not in refused.request.headers


def test_credentials_come_off_when_checking_them_fails(make_rig: Callable[..., Rig], users_file: str) -> None:
    """`on_failure: allow` lets the request go on, and it must not carry the password to the provider."""
    rig = make_rig(identity={"users": users_file}, on_failure="allow")
    rig.state.workers.close()
    flow = rig.flow(chat(), headers=basic("jane", "correct horse"))
    trace = rig.play(flow, "requestheaders")
    assert trace.failed.startswith("identity.requestheaders: ")
    assert trace.failed_open and flow.response is None
    assert "proxy-authorization" not in flow.request.headers


def test_a_plain_request_without_credentials_is_asked_for_them(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file, "required": True})
    plain = rig.flow(chat())
    rig.play(plain, "requestheaders", "request")
    assert plain.response is not None and plain.response.status_code == 407
    assert plain.response.headers["proxy-authenticate"].startswith("Basic ")
    assert rig.records[-1].rule_id == "identity-required" and rig.records[-1].http_status == 407
    tunnelled = rig.flow(chat())
    link_of(tunnelled.client_conn).host = "api.openai.com"
    rig.play(tunnelled, "requestheaders")
    assert tunnelled.response is not None and tunnelled.response.status_code == 403, "no client there knows of a proxy"
    wrong = rig.flow(chat(), headers={"authorization": "Bearer weir-sk-" + "0" * 49})
    rig.play(wrong, "requestheaders")
    assert wrong.response is not None and wrong.response.status_code in (401, 403)


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_observe_asks_nobody(make_rig: Callable[..., Rig], users_file: str, mode: str) -> None:
    rig = make_rig(identity={"users": users_file, "required": True}, mode=mode)
    tunnel = connect(rig)
    assert (tunnel.response is not None) is (mode == "enforce")
    if mode == "observe":
        inner = rig.flow(chat())
        inner.client_conn = tunnel.client_conn
        rig.play(inner, "requestheaders", "request")
        assert inner.response is None
        assert (rig.records[-1].rule_id, rig.records[-1].verdict, rig.records[-1].action) == (
            "identity-required", "block", "allow"
        )  # fmt: skip


def test_it_begins_and_ends_with_the_process(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(identity={"issuers": [{"issuer": "http://127.0.0.1:9/nobody", "audience": "weir"}]})
    (fetcher,) = rig.state.snapshot.sources.fetchers
    identity = rig.addon("identity")
    assert not fetcher._thread.is_alive(), "building a policy starts nothing"
    identity.running()
    assert fetcher._thread.is_alive()
    identity.done()
    assert fetcher._closed.is_set()
