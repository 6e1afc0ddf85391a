"""A subordinate CA that a company's root signed, in the place of weir's own; and what is refused there."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from weir.tls import ca as module
from weir.tls.ca import Authority, CaError, Leaf, ensure_ca

PKCS8 = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def handshake(tmp_path: Path, roots: str, leaf: Leaf, name: str, chain: tuple[x509.Certificate, ...] = ()) -> None:
    """A TLS handshake in memory, the client as strict as Python 3.13 is by default."""
    pem = tmp_path / "server.pem"
    certificates = b"".join(cert.public_bytes(Encoding.PEM) for cert in (leaf.cert, *chain))
    pem.write_bytes(leaf.key.private_bytes(*PKCS8) + certificates)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(pem)
    client_context = ssl.create_default_context(cadata=roots)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    done: set[int] = set()
    for _ in range(10):
        for number, end in enumerate((client, server)):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
    assert done == {0, 1}


def company(
    tmp_path: Path,
    *,
    key: object = None,
    is_ca: bool = True,
    usage: bool = True,
    days: tuple[int, int] = (-1, 300),
    other_key: bool = False,
) -> tuple[Path, x509.Certificate]:
    """Put a subordinate CA that a company root signed where weir keeps its own; return the root too."""
    now = datetime.now(UTC)
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Company Root")])
    root_ski = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())

    def build(subject: x509.Name, public: object, path_length: int, ca: bool) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(root_name, subject, public, x509.random_serial_number())  # type: ignore[arg-type]
        builder = builder.not_valid_before(now + timedelta(days=days[0]))
        builder = builder.not_valid_after(now + timedelta(days=days[1]))
        return builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)

    key_usage = module._usage(signs_certificates=True)
    root = (
        build(root_name, root_key.public_key(), 1, True)
        .add_extension(key_usage, True)
        .add_extension(root_ski, False)
        .sign(root_key, hashes.SHA256())
    )
    sub_key = key or ec.generate_private_key(ec.SECP384R1())
    public = (ec.generate_private_key(ec.SECP256R1()) if other_key else sub_key).public_key()  # type: ignore[attr-defined]
    builder = build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Company weir")]), public, 0, is_ca)
    if usage:
        builder = builder.add_extension(key_usage, True)
    sub = (
        builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_ski), False)
        .sign(root_key, hashes.SHA256())
    )
    path = tmp_path / "weir-ca.key"
    path.touch(0o600)
    path.write_bytes(sub_key.private_bytes(*PKCS8) + sub.public_bytes(Encoding.PEM))  # type: ignore[attr-defined]
    return path, root


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_company_ca_can_be_the_issuer(tmp_path: Path, kind: str) -> None:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else None
    _, root = company(tmp_path, key=key)
    authority = Authority(ensure_ca(tmp_path))
    assert len(authority.chain) == 1
    leaf = authority.leaf(["api.openai.com"])
    handshake(tmp_path, root.public_bytes(Encoding.PEM).decode(), leaf, "api.openai.com", authority.chain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"is_ca": False}, "not that of a CA"),
        ({"usage": False}, "lacks"),
        ({"days": (-20, -10)}, "expired on"),
        ({"days": (10, 20)}, "not valid before"),
        ({"other_key": True}, "does not belong"),
        ({"key": ed25519.Ed25519PrivateKey.generate()}, "neither EC nor RSA"),
    ],
)
def test_a_ca_that_strict_clients_would_refuse_is_refused(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    path, _ = company(tmp_path, **options)  # type: ignore[arg-type]
    with pytest.raises(CaError, match=message) as caught:
        ensure_ca(tmp_path)
    assert str(path) in str(caught.value)
