"""Which connections are decrypted, and what their clients are offered."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, tls
from mitmproxy.proxy import context
from mitmproxy.test import tflow

from harness.rig import Rig, mitmproxy, run
from weir.edge.trace import link_of


def hello(sni: str | None, address: str = "", alpn: tuple[bytes, ...] = (b"h2", b"http/1.1")) -> tls.ClientHelloData:
    client = tflow.tclient_conn()
    client.sni, client.alpn, client.alpn_offers = sni, None, alpn
    with mitmproxy() as tctx:
        where = context.Context(client, tctx.options)
    if address:
        where.server = connection.Server(address=(address, 443))
    offer = SimpleNamespace(cipher_suites=[0x1301, 0xC02F], extensions=[(0, b""), (16, b"")])
    return tls.ClientHelloData(where, offer)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sni", "address", "ignored", "reason"),
    [
        ("api.openai.com", "api.openai.com", False, ""),
        ("shop.example", "shop.example", True, "uncatalogued"),
        ("shop.example", "api.openai.com", False, ""),  # a false SNI does not turn inspection off
        ("api.openai.com", "shop.example", False, ""),
        (None, "api.openai.com", False, ""),
        (None, "192.0.2.7", True, "uncatalogued"),
        ("swscan.apple.com", "swscan.apple.com", True, "excluded"),
        ("hidden.example", "hidden.example", False, ""),
    ],
)
def test_decrypted_or_metered(
    make_rig: Callable[..., Rig], sni: str | None, address: str, ignored: bool, reason: str
) -> None:
    rig = make_rig(intercept={"include": ["hidden.example"], "exclude": ["swscan.apple.com"]})
    data = hello(sni, address)
    rig.addon("tls").tls_clienthello(data)
    link = link_of(data.context.client)
    assert (data.ignore_connection, link.meter_reason) == (ignored, reason)
    assert (link.sni, link.host) == (sni or "", address)


def test_a_condemned_connection_is_decrypted_to_be_refused_in_words(rig: Rig) -> None:
    data = hello("shop.example", "shop.example")
    link_of(data.context.client).failed = "identity.http_connect: WorkersTimeout"
    rig.addon("tls").tls_clienthello(data)
    assert not data.ignore_connection


def test_the_name_of_the_tunnel_stays(rig: Rig) -> None:
    data = hello("shop.example", "192.0.2.7")
    link_of(data.context.client).host = "asked.example"
    run(rig.addon("tls").tls_clienthello(data))
    assert link_of(data.context.client).host == "asked.example"


def established(rig: Rig, sni: str, spoken: bytes, offered: tuple[bytes, ...] = (b"h2", b"http/1.1")) -> None:
    server: Any = SimpleNamespace(sni=sni, address=(sni, 443), alpn=spoken, alpn_offers=offered)
    data = tls.TlsData(server, SimpleNamespace(client=tflow.tclient_conn()))  # type: ignore[arg-type]
    rig.addon("tls").tls_established_server(data)


def offered(rig: Rig, sni: str, alpn: tuple[bytes, ...] = (b"h2", b"http/1.1")) -> bytes | None:
    data = hello(sni, sni, alpn)
    rig.addon("tls").tls_clienthello(data)
    return data.context.client.alpn


def test_clients_get_h2_until_the_upstream_is_known_not_to_speak_it(rig: Rig) -> None:
    assert offered(rig, "api.openai.com") == b"h2"
    assert offered(rig, "api.openai.com", (b"http/1.1",)) is None
    established(rig, "api.openai.com", b"http/1.1", (b"http/1.1",))  # it was not asked for h2: says nothing
    assert offered(rig, "api.openai.com") == b"h2"
    established(rig, "api.openai.com", b"http/1.1")
    assert offered(rig, "api.openai.com") == b"http/1.1"
    assert offered(rig, "api.openai.com", (b"h2",)) == b"h2"
    assert offered(rig, "api.anthropic.com") == b"h2"
    established(rig, "api.openai.com", b"h2")
    assert offered(rig, "api.openai.com") == b"h2"


def test_the_memory_of_hosts_is_bounded(rig: Rig) -> None:
    for number in range(5000):
        established(rig, f"h{number}.example", b"http/1.1")
    assert len(rig.addon("tls")._http1_only) == 4096


def test_a_failing_decision_condemns_the_connection(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(rig.state.snapshot.interception), "decide", broken)
    data = hello("shop.example", "shop.example")
    rig.addon("tls").tls_clienthello(data)
    assert link_of(data.context.client).failed == "tls.tls_clienthello: RuntimeError"
    assert not data.ignore_connection
