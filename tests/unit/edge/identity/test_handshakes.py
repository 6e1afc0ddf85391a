"""What is shown in TLS and SOCKS5 stays with the connection, and what is wrong ends it with a record."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from mitmproxy import options, tls
from mitmproxy.proxy import context, layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow
from OpenSSL import SSL, crypto

from harness.clientca import ClientCA
from harness.rig import Rig, run
from weir.edge.identity import evidence
from weir.edge.identity.callers import Settled, of_connection
from weir.edge.trace import link_of
from weir.edge.wire.socks import NONE, PASSWORD, Greeting
from weir.identity import users
from weir.identity.sources import Outcome
from weir.model import ANONYMOUS

CHEAP = users.Work(log2_n=10, r=1, p=1)


@pytest.fixture
def users_file(tmp_path: Path) -> str:
    path = tmp_path / "users"
    users.add(path, "jane", "horse", team="legal", work=CHEAP)
    return str(path)


def caller(peer: str = "10.1.2.3") -> Any:
    client = tflow.tclient_conn()
    client.proxy_mode, client.peername = ProxyMode.parse("socks5"), (peer, 40000)
    return client


def greet(rig: Rig, offered: bytes, client: Any = None) -> Greeting:
    greeting = Greeting(client or caller(), offered)
    run(rig.addon("handshakes").socks5_greeting(greeting))
    return greeting


def log_in(rig: Rig, name: str, password: str) -> modes.Socks5AuthData:
    data = modes.Socks5AuthData(caller(), name, password)
    run(rig.addon("handshakes").socks5_auth(data))
    return data


@pytest.mark.parametrize(
    ("knows", "offered", "method"),
    [
        (True, b"\x00\x02", PASSWORD),
        (True, b"\x02", PASSWORD),
        (True, b"\x00", NONE),
        (False, b"\x00\x02", NONE),
        (False, b"\x02", None),  # nobody could check it
        (True, b"\x01", None),
        (True, b"", None),
    ],
)
def test_a_login_is_asked_for_where_somebody_can_check_it(
    knows: bool, offered: bytes, method: int | None, make_rig: Callable[..., Rig], users_file: str
) -> None:
    rig = make_rig(identity={"users": users_file} if knows else {})
    assert greet(rig, offered).method == method
    assert [record.kind for record in rig.records] == ([] if method is not None else ["block"])


def test_whoever_must_log_in_and_does_not_is_turned_away(make_rig: Callable[..., Rig], users_file: str) -> None:
    known = {"cidr": "10.9.0.0/16", "team": "finance"}
    rig = make_rig(identity={"users": users_file, "required": True, "networks": [known]})
    client = caller()
    assert greet(rig, b"\x00", client).method is None
    record = rig.records[-1]
    assert (record.kind, record.action, record.rule_id) == ("block", "block", "identity-required")
    assert record.reason == "basic: caller not identified" and record.src_ip == "10.1.2.3"
    assert link_of(client).closed and link_of(client).refused
    assert greet(rig, b"\x00", caller("10.9.0.1")).method == NONE, "its network is enough"
    rig = make_rig(mode="observe", identity={"users": users_file, "required": True})
    assert greet(rig, b"\x00").method == NONE


def test_who_may_still_show_a_certificate_is_let_in_so_far(
    make_rig: Callable[..., Rig], users_file: str, tmp_path: Path
) -> None:
    people = {"ca": str(ClientCA(tmp_path).pem), "names": [{"san": "uri:*", "app": "{san}"}]}
    rig = make_rig(identity={"users": users_file, "required": True, "certificates": people})
    assert greet(rig, b"\x00").method == NONE


def test_a_right_login_names_the_connections_caller(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file})
    data = log_in(rig, "jane", "horse")
    link = link_of(data.client_conn)
    assert data.valid and link.principal.user == "jane" and link.auth_asked.startswith("basic=yes")
    assert rig.records == [] and not link.closed


@pytest.mark.parametrize(("name", "password"), [("jane", "canary"), ("canary", "horse"), ("", ""), ("\\xff", "canary")])
def test_a_wrong_login_is_refused_and_recorded(
    name: str, password: str, make_rig: Callable[..., Rig], users_file: str
) -> None:
    rig = make_rig(identity={"users": users_file})
    data = log_in(rig, name, password)
    record = rig.records[-1]
    assert not data.valid and link_of(data.client_conn).principal == ANONYMOUS
    assert (record.kind, record.rule_id, record.user) == ("block", "identity-required", "")
    assert record.reason.startswith(("basic: ", "proxy-authorization: ")) and "canary" not in str(record)


def test_guessing_is_slowed(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file})
    for number in range(7):
        assert not log_in(rig, "jane", f"guess {number}").valid
    record = rig.records[-1]
    assert record.rule_id == "identity-throttled" and "too many" in record.reason
    assert not log_in(rig, "jane", "horse").valid, "nobody who was not in before gets a try now"


def test_a_login_that_cannot_be_checked_lets_nobody_in(
    make_rig: Callable[..., Rig], users_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(on_failure="allow", identity={"users": users_file})
    rig.state.workers.close()
    data = log_in(rig, "jane", "horse")
    assert not data.valid and link_of(data.client_conn).failed.startswith("handshakes.socks5_auth: ")


class Shown(SSL.Connection):
    """A connection whose client has shown these."""

    def __init__(self, chain: list[x509.Certificate]) -> None:
        self.chain = [crypto.X509.from_cryptography(one) for one in chain]

    def get_peer_certificate(self, **_: Any) -> Any:
        return self.chain[0] if self.chain else None

    def get_peer_cert_chain(self, **_: Any) -> Any:
        return self.chain[1:]


def test_the_outer_certificate_stays_when_mitmproxy_forgets_it(rig: Rig, tmp_path: Path) -> None:
    paper = ClientCA(tmp_path).issue("bot", "spiffe://corp.example/bot", through=True)
    client = caller()
    client.tls, client.proxy_mode = False, ProxyMode.parse("regular")
    where = context.Context(client, options.Options())
    modes.HttpProxy(where)
    layers.ClientTLSLayer(where)
    layers.HttpLayer(where, HTTPMode.regular)
    link = link_of(client)
    of_connection(rig.state, rig.state.snapshot, link, client)
    assert link.settled is not None
    chain = x509.load_pem_x509_certificates(paper.chain.read_bytes())
    established = rig.addon("handshakes").tls_established_client
    established(tls.TlsData(client, where, Shown(chain)))
    assert len(link.chain) == 2 and link.settled is None, "who it is has to be settled anew"
    shown = link.chain
    layers.HttpLayer(where, HTTPMode.regular)
    layers.ServerTLSLayer(where)
    layers.ClientTLSLayer(where)  # TLS within the tunnel
    established(tls.TlsData(client, where, Shown([])))
    assert link.chain == shown


def test_a_certificate_that_ends_while_its_connection_stands(
    make_rig: Callable[..., Rig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ClientCA(tmp_path)
    rig = make_rig(identity={"certificates": {"ca": str(people.pem), "names": [{"san": "uri:**", "app": "{san}"}]}})
    client = caller()
    link = link_of(client)
    paper = people.issue("bot", "spiffe://corp.example/bot", days=0.01)
    (own,) = x509.load_pem_x509_certificates(paper.chain.read_bytes())
    link.chain = (own.public_bytes(Encoding.DER),)

    def settled() -> Outcome:
        found = of_connection(rig.state, rig.state.snapshot, link, client)
        assert isinstance(found, Settled)
        return found.outcome

    assert settled().principal.app == "spiffe://corp.example/bot"
    later = time.time() + 3600
    monkeypatch.setattr(evidence.time, "time", lambda: later)
    assert settled().principal.app, "it is not verified for every request"
    link.chain_until = 0.0
    assert settled().principal == ANONYMOUS and settled().refused.startswith("certificate: ")
