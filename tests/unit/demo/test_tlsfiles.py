"""The doubles' CA: certificates that a strict client accepts."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from weir.demo.tlsfiles import Authority, write_private


def handshake(authority: Authority, host: str, alpn: tuple[str, ...], offered: list[str]) -> ssl.SSLObject:
    """A handshake in memory between a verifying client and the listener; returns the client's side."""
    context = ssl.create_default_context(cafile=str(authority.ca_path))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(offered)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(down, up, server_hostname=host)
    server = authority.listener(alpn).wrap_bio(up, down, server_side=True)
    done = set()
    for _ in range(6):
        for side in (client, server):
            if side not in done:
                try:
                    side.do_handshake()
                    done.add(side)
                except ssl.SSLWantReadError:
                    continue
    assert len(done) == 2
    assert authority.name_of(server.context) == host
    return client


@pytest.mark.parametrize("host", ["api.openai.com", "x.internal.example"])
def test_a_strict_client_accepts_any_name(host: str, tmp_path: Path) -> None:
    client = handshake(Authority(tmp_path), host, ("h2", "http/1.1"), ["h2", "http/1.1"])
    assert client.selected_alpn_protocol() == "h2"


def test_a_listener_without_http2(tmp_path: Path) -> None:
    client = handshake(Authority(tmp_path), "a.example", ("http/1.1",), ["h2", "http/1.1"])
    assert client.selected_alpn_protocol() == "http/1.1"


def test_another_ca_is_not_trusted(tmp_path: Path) -> None:
    stranger, authority = Authority(tmp_path / "1"), Authority(tmp_path / "2")
    authority.ca_path.write_bytes(stranger.ca_path.read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, "a.example", ("h2",), ["h2"])


def test_names_that_are_none_and_too_many(tmp_path: Path) -> None:
    authority = Authority(tmp_path, limit=2)
    for name in ("../etc/passwd", "", "a b"):
        with pytest.raises(ValueError, match="host name"):
            authority.context(name, ("h2",))
    assert authority.context("a.example", ("h2",)) is authority.context("A.example", ("h2",))
    authority.context("b.example", ("h2",))
    with pytest.raises(ValueError, match="too many"):
        authority.context("c.example", ("h2",))


def test_no_key_stays_on_disk(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.context("a.example", ("h2",))
    assert [path.name for path in tmp_path.iterdir()] == ["ca.pem"]
    assert b"PRIVATE" not in authority.ca_path.read_bytes()
    usage = x509.load_pem_x509_certificate(authority.ca_path.read_bytes()).extensions
    assert usage.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_an_address_gets_an_ip_san(tmp_path: Path) -> None:
    names = Authority(tmp_path).certificate("127.0.0.1").extensions
    alt = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in alt.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_private_files(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
