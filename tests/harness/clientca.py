"""A company's CA for client certificates, made at run time: PEM files as curl and httpx take them."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["ClientCA", "Identity"]


@dataclass(frozen=True)
class Identity:
    """Files of one client: its chain (own certificate first) and its key."""

    chain: Path
    key: Path


@dataclass(frozen=True)
class _Made:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


class ClientCA:
    """A root and an intermediate; ``pem`` is the root's file."""

    def __init__(self, folder: Path, name: str = "people") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self._root = _make(f"{name} root", None, ca=True)
        self._middle = _make(f"{name} issuer", self._root, ca=True)
        self.pem = folder / f"{name}-ca.pem"
        self.pem.write_bytes(self._root.pem)

    def issue(self, name: str, uri: str, *, days: float = 1.0, through: bool = False, copies: int = 1) -> Identity:
        """A client certificate whose one name is ``uri``, that ends in ``days`` (or ended, when negative).

        ``through`` has the intermediate sign it, which goes into the chain, ``copies`` times with other serial numbers.
        """
        issuer = self._middle if through else self._root
        leaf = _make(name, issuer, ca=False, uri=uri, days=days)
        others = [_make(f"{self.name} issuer", self._root, ca=True, key=self._middle.key) for _ in range(copies - 1)]
        chain = [leaf, *([self._middle] if through else []), *others]
        return self._save(name, chain, leaf.key)

    def steal(self, victim: Identity) -> Identity:
        """A chain that begins with an own certificate of a month 13, and goes on with the victim's public ones.

        OpenSSL takes the first for the handshake, and cryptography cannot read it.
        """
        made = _make("thief", self._root, ca=False, uri="spiffe://corp.example/thief")
        der = made.certificate.public_bytes(Encoding.DER)
        at = der.index(b"\x17\x0d") + 4  # the first date, behind its year
        broken = ssl.DER_cert_to_PEM_cert(der[:at] + b"13" + der[at + 2 :]).encode()
        return self._write("thief", broken + victim.chain.read_bytes(), made.key)

    def _save(self, name: str, chain: Sequence[_Made], key: ec.EllipticCurvePrivateKey) -> Identity:
        return self._write(name, b"".join(one.pem for one in chain), key)

    def _write(self, name: str, chain: bytes, key: ec.EllipticCurvePrivateKey) -> Identity:
        made = Identity(self.folder / f"{self.name}-{name}.pem", self.folder / f"{self.name}-{name}.key")
        made.chain.write_bytes(chain)
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        made.key.chmod(0o600)
        return made


def _make(
    name: str,
    issuer: _Made | None,
    *,
    ca: bool,
    uri: str = "",
    days: float = 1.0,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> _Made:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - dt.timedelta(days=30))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
    )
    if uri:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(names, critical=False).add_extension(usage, critical=False)
    return _Made(builder.sign(signer, hashes.SHA256()), key)
