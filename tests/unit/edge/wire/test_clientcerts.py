"""In which layer of TLS a client is asked for its certificate; the handshakes themselves stand in tests/e2e."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from mitmproxy import options, tls
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import context, layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.test import tflow
from OpenSSL import SSL

from harness.clientca import ClientCA
from harness.clientca import Identity as Paper
from harness.rig import Rig, mitmproxy
from weir.edge.wire.clientcerts import ask, asked, chain_of, to_proxy
from weir.edge.wire.tlsconfig import WeirTlsConfig


def where(*kinds: Any) -> context.Context:
    """A context with these layers, as mitmproxy stacks them."""
    found = context.Context(tflow.tclient_conn(), options.Options())
    found.client.tls = False
    for kind in kinds:
        kind(found, HTTPMode.regular) if kind is layers.HttpLayer else kind(found)
    return found


OUTER = (modes.HttpProxy, layers.ClientTLSLayer, layers.HttpLayer)
INNER = (layers.ServerTLSLayer, layers.ClientTLSLayer)


@pytest.mark.parametrize(
    ("kinds", "to_weir", "is_asked"),
    [
        (OUTER, True, True),
        ((modes.HttpUpstreamProxy, *OUTER[1:]), True, True),
        ((modes.HttpProxy, layers.HttpLayer, layers.HttpLayer, *INNER), False, False),
        ((*OUTER, layers.HttpLayer, *INNER), False, False),
        ((modes.Socks5Proxy, *INNER), False, True),
        ((modes.TransparentProxy, *INNER), False, True),
        ((modes.ReverseProxy, *INNER), False, True),
    ],
)  # fmt: skip
def test_the_outer_layer_or_the_only_one(kinds: tuple[Any, ...], to_weir: bool, is_asked: bool) -> None:
    found = where(*kinds)
    assert (to_proxy(found), asked(found)) == (to_weir, is_asked)


def handshake(rig: Rig, paper: Paper | None = None, stack: tuple[Any, ...] = OUTER) -> tuple[Any, list[bytes]]:
    """The server's end after a handshake in memory, and the names of CAs that the client was told."""
    found = where(*stack)
    data = tls.TlsData(found.client, found)
    config = WeirTlsConfig(rig.state)
    with mitmproxy(Proxyserver(), config) as tctx:
        found.client.sockname, found.options = ("127.0.0.1", 8080), tctx.options
        config.tls_start_client(data)
    server, shown = data.ssl_conn, SSL.Context(SSL.TLS_CLIENT_METHOD)
    assert server is not None
    if paper is not None:
        shown.use_certificate_chain_file(str(paper.chain))
        shown.use_privatekey_file(str(paper.key))
    client = SSL.Connection(shown)
    client.set_connect_state()
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65536))
    return server, [name.der() for name in client.get_client_ca_list()]


@pytest.fixture
def people(tmp_path: Path) -> ClientCA:
    return ClientCA(tmp_path / "people")


@pytest.fixture
def asking(make_rig: Callable[..., Rig], people: ClientCA) -> Rig:
    return make_rig(identity={"certificates": {"ca": str(people.pem), "names": [{"san": "uri:**", "app": "{san}"}]}})


def test_the_client_is_told_which_ca_and_shows_what_it_has(asking: Rig, people: ClientCA) -> None:
    paper = people.issue("bot", "spiffe://corp.example/bot", through=True)
    server, told = handshake(asking, paper)
    assert told == [x509.load_pem_x509_certificate(people.pem.read_bytes()).subject.public_bytes()]
    shown = x509.load_pem_x509_certificates(paper.chain.read_bytes())
    assert server.get_peer_certificate(as_cryptography=True) == shown[0]
    assert chain_of(server) == tuple(one.public_bytes(Encoding.DER) for one in shown)


def test_a_certificate_that_cannot_be_read_is_the_first_all_the_same(asking: Rig, people: ClientCA) -> None:
    """Without it the next one would count, which is somebody else's."""
    victim = people.issue("bot", "spiffe://corp.example/bot")
    server, _ = handshake(asking, people.steal(victim))
    own, *others = chain_of(server)
    assert others == [x509.load_pem_x509_certificate(victim.chain.read_bytes()).public_bytes(Encoding.DER)]
    certificates = asking.state.snapshot.sources.certificates
    assert certificates is not None
    assert certificates.lookup([own, *others], time.time()).why == "the client's certificate cannot be read"
    assert certificates.lookup(others, time.time()).principal is not None


def test_no_certificate_is_fine_too(asking: Rig) -> None:
    server, told = handshake(asking)
    assert told and chain_of(server) == () == chain_of(None)


def test_who_is_not_asked_shows_nothing(asking: Rig, rig: Rig, people: ClientCA) -> None:
    paper = people.issue("bot", "spiffe://corp.example/bot")
    for one, stack in ((rig, OUTER), (asking, (*OUTER, layers.HttpLayer, *INNER))):
        server, told = handshake(one, paper, stack)
        assert told == [] and server.get_peer_certificate() is None


def test_without_a_handshake_there_is_nothing_to_ask() -> None:
    found = where(*OUTER)
    data = tls.TlsData(found.client, found)
    ask(data, None, ())  # type: ignore[arg-type]
    assert data.ssl_conn is None
