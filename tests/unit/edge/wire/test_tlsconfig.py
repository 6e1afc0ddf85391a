"""Certificates for clients come from weir's authority; a handshake that can't be made fails, it does not hang."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from mitmproxy import connection, tls
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import context
from mitmproxy.test import tflow

from harness.rig import Rig, mitmproxy
from weir.edge.trace import link_of
from weir.edge.wire.tlsconfig import UNUSABLE_NAME, WeirTlsConfig


class Made:
    """The addon in mitmproxy's context."""

    def __init__(self, rig: Rig, tctx: Any, config: WeirTlsConfig) -> None:
        self.rig, self.tctx, self.config = rig, tctx, config

    def where(self, sni: str | None, address: str = "") -> context.Context:
        client = tflow.tclient_conn()
        client.sni, client.alpn_offers = sni, (b"h2",)
        found = context.Context(client, self.tctx.options)
        found.server = connection.Server(address=(address, 443) if address else None)
        return found

    def upstream(self, sni: str | None, address: str = "api.openai.com") -> tls.TlsData:
        where = self.where(sni, address)
        data = tls.TlsData(where.server, where)
        self.config.tls_start_server(data)
        return data


@pytest.fixture
def made(rig: Rig) -> Iterator[Made]:
    config = WeirTlsConfig(rig.state)
    with mitmproxy(proxyserver.Proxyserver(), config) as tctx:
        tctx.options.update(ssl_verify_upstream_trusted_ca=str(rig.state.upstream_bundle))
        yield Made(rig, tctx, config)


def names(entry: Any) -> list[str]:
    certificate = entry.cert.to_cryptography()
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


@pytest.mark.parametrize(
    ("sni", "address", "wanted"),
    [
        ("api.openai.com", "api.openai.com", ["api.openai.com"]),
        ("api.openai.com", "192.0.2.7", ["api.openai.com", "192.0.2.7"]),
        (None, "192.0.2.7", ["192.0.2.7"]),
        ("bad name\0", "api.openai.com", [UNUSABLE_NAME]),
    ],
)
def test_leaves(made: Made, sni: str | None, address: str, wanted: list[str]) -> None:
    assert names(made.config.get_cert(made.where(sni, address))) == wanted


def test_a_leaf_is_signed_by_the_authority_with_a_key_of_its_own(made: Made) -> None:
    entry = made.config.get_cert(made.where("api.openai.com", "api.openai.com"))
    authority = made.rig.state.authority.certificate
    leaf = entry.cert.to_cryptography()
    leaf.verify_directly_issued_by(authority)
    assert entry.privatekey.public_key() != authority.public_key()
    assert entry.chain_file is None and entry.chain_certs == []


def test_without_any_name_the_own_address_stands_in(made: Made) -> None:
    where = made.where(None)
    where.client.sockname = ("127.0.0.1", 8080)
    assert names(made.config.get_cert(where)) == ["127.0.0.1"]


def test_nothing_is_added_to_other_peoples_hosts(made: Made) -> None:
    """mitmproxy answers requests for a certificate revocation list under every host."""
    assert made.config.request is None


def test_a_handshake_upstream(made: Made) -> None:
    data = made.upstream("api.openai.com")
    assert data.ssl_conn is not None and data.conn.sni == "api.openai.com"
    assert link_of(data.context.client).failed == ""


@pytest.mark.parametrize("sni", ["x" * 64, "a..b", "ü" * 70])
def test_a_name_that_cannot_be_sent_becomes_one_that_fails(made: Made, sni: str) -> None:
    data = made.upstream(sni)
    assert data.ssl_conn is not None and data.conn.sni == UNUSABLE_NAME


def test_what_cannot_be_verified_is_not_half_made(made: Made, tmp_path: Path) -> None:
    """Without a connection object mitmproxy fails the connection; with half of one it would wait for ever."""
    made.tctx.options.update(ssl_verify_upstream_trusted_ca=str(tmp_path / "gone.pem"))
    data = made.upstream("api.openai.com")
    assert data.ssl_conn is None
    assert link_of(data.context.client).failed.startswith("tlsconfig.tls_start_server: ")


def test_a_failure_after_the_object_is_made(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    where = made.where("api.openai.com", "api.openai.com")
    where.client.alpn_offers = (b"",)  # OpenSSL refuses an empty protocol, after all else is set
    data = tls.TlsData(where.server, where)
    made.config.tls_start_server(data)
    assert data.ssl_conn is None and link_of(where.client).failed
