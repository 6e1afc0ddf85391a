"""The doubles' own certificate authority and one server certificate a name: real TLS, trusted by nobody else."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "write_private"]

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_LIFE = datetime.timedelta(days=7)  # a demo's CA has no reason to outlive the week
_SLACK = datetime.timedelta(hours=1)  # clocks of client and server may differ


def write_private(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` readable by the owner only, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Authority:
    """A CA made new in ``folder``; its key never leaves the process, ``folder/ca.pem`` is what clients trust.

    ``limit`` bounds the certificates one process makes: names come from clients' hellos.
    """

    def __init__(self, folder: Path, *, limit: int = 1000) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca_path = folder / "ca.pem"
        self._limit = limit
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weir provider doubles CA")])
        self._contexts: dict[tuple[str, tuple[str, ...]], ssl.SSLContext] = {}
        self._names: dict[int, str] = {}
        self._cert = self._make_ca()
        self.ca_path.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SLACK)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _make_ca(self) -> x509.Certificate:
        return (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)  # Python 3.13 refuses a CA without it
            .sign(self._key, hashes.SHA256())
        )

    def certificate(self, host: str) -> x509.Certificate:
        """A server certificate for ``host`` (a DNS name or an IP address), signed by this CA."""
        alt: x509.GeneralName
        try:
            alt = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            alt = x509.DNSName(host)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        return (
            self._builder(subject, self._leaf_key.public_key())
            .add_extension(x509.SubjectAlternativeName([alt]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def context(self, host: str, alpn: tuple[str, ...]) -> ssl.SSLContext:
        """A server context for ``host`` offering ``alpn``; made once. Raises ValueError for a name that is none."""
        host = host.lower()
        known = self._contexts.get((host, alpn))
        if known is not None:
            return known
        if not _HOST.fullmatch(host) or len(self._contexts) >= self._limit:
            raise ValueError("not a host name, or too many of them")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(list(alpn))
        chain = self.folder / "leaf.tmp.pem"
        write_private(chain, _pem(self._leaf_key) + self.certificate(host).public_bytes(serialization.Encoding.PEM))
        try:
            context.load_cert_chain(chain)
        finally:
            chain.unlink()
        self._contexts[(host, alpn)] = context
        self._names[id(context)] = host
        return context

    def listener(self, alpn: tuple[str, ...]) -> ssl.SSLContext:
        """The context to listen with: each hello gets the certificate of the name it asks for."""

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
            try:
                connection.context = self.context(name or "localhost", alpn)
            except ValueError:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            return None

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(list(alpn))
        context.sni_callback = choose
        return context

    def name_of(self, context: ssl.SSLContext) -> str:
        """The host that a connection's context was made for, "" for a stranger."""
        return self._names.get(id(context), "")


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
