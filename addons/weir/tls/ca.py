"""The interception CA and the leaf certificates it signs.

The CA key signs certificates and nothing else: leaves carry a key of their own, made anew in every process. All keys
are EC P-256, which every TLS client since 2010 knows and which signs a leaf in a fraction of a millisecond.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from weir.datadir import create_private, write_public

__all__ = ["EXPORT_FORMATS", "Authority", "CaError", "CaFiles", "Leaf", "ensure_ca"]

CA_DAYS = 5 * 365
LEAF_DAYS = 199
BACKDATE = timedelta(days=2)  # clients' clocks run slow
CACHE_SIZE = 1_000
EXPORT_FORMATS = ("pem", "der", "p12")
TRUSTSTORE_PASSWORD = b"changeit"  # what Java expects; a trust store holds nothing secret

type CaKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class CaError(Exception):
    """The CA cannot be used. The message names the file and what is wrong with it, never its content."""


@dataclass(frozen=True, slots=True)
class CaFiles:
    """A CA on disk: the key file (0600: key, certificate, and the chain above it) and the public copies."""

    key: Path
    pem: Path
    der: Path
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()  # issuers above it, when a company CA signed ours

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it: ``AB:CD:…``."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def expires(self) -> datetime:
        """When the certificate ends (aware, UTC)."""
        return self.certificate.not_valid_after_utc

    def export(self, format: str) -> bytes:
        """The certificate for enrolment: ``pem``, ``der``, or ``p12`` (a Java trust store, password ``changeit``)."""
        if format == "pem":
            return self.certificate.public_bytes(Encoding.PEM)
        if format == "der":
            return self.certificate.public_bytes(Encoding.DER)
        if format == "p12":
            entry = PKCS12Certificate(self.certificate, b"weir")
            return serialize_java_truststore([entry], BestAvailableEncryption(TRUSTSTORE_PASSWORD))
        raise ValueError(f"unknown format {format!r}; choose {', '.join(EXPORT_FORMATS)}")


class Leaf(NamedTuple):
    """A certificate for one server, and the key that goes with it."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_ca(directory: Path, name: str = "weir") -> CaFiles:
    """The CA in ``directory``; made there at first use. Processes that start at once agree on one.

    ``NAME-ca.key`` may also be put there by the operator: PEM, an EC or RSA key, then its CA certificate, then the
    certificates above it. Raises CaError when it is damaged, expired or no CA, DataDirError when others may read it.
    """
    key_file = directory / f"{name}-ca.key"
    _, certificate, chain = _parse(create_private(key_file, lambda: _make(name)), key_file)
    files = CaFiles(key_file, directory / f"{name}-ca.pem", directory / f"{name}-ca.cer", certificate, chain)
    for path, data in ((files.pem, files.export("pem")), (files.der, files.export("der"))):
        if not path.exists() or path.read_bytes() != data:
            write_public(path, data)
    return files


class Authority:
    """Signs leaf certificates. One leaf key a process; the last 1,000 certificates are kept. Thread-safe."""

    def __init__(self, files: CaFiles) -> None:
        self._key, self._ca, chain = _parse(create_private(files.key, _gone), files.key)
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        # A root the client already has need not be sent; an intermediate must be.
        self.chain = () if self._ca.issuer == self._ca.subject else (self._ca, *chain)
        ski = self._ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        self._aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
        self._ski = x509.SubjectKeyIdentifier.from_public_key(self._leaf_key.public_key())
        self._cache: OrderedDict[tuple[str, ...], Leaf] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's own certificate."""
        return self._ca

    def leaf(self, sans: Sequence[str]) -> Leaf:
        """A server certificate for ``sans`` (host names, ``*.`` names, IP addresses); the first one is its subject.

        Raises ValueError when there is no name or one that cannot stand in a certificate.
        """
        names = tuple(dict.fromkeys(_san(san) for san in sans))
        if not names:
            raise ValueError("a certificate needs a name")
        with self._lock:
            leaf = self._cache.get(names)
            # A proxy may run for longer than a leaf lives: half-way through its life it is made anew.
            if leaf is not None and datetime.now(UTC) - leaf.cert.not_valid_before_utc < timedelta(days=LEAF_DAYS / 2):
                self._cache.move_to_end(names)
                return leaf
        leaf = Leaf(self._sign(names), self._leaf_key)
        with self._lock:
            self._cache[names] = leaf
            self._cache.move_to_end(names)
            if len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        return leaf

    def _sign(self, names: tuple[str, ...]) -> x509.Certificate:
        start = max(datetime.now(UTC) - BACKDATE, self._ca.not_valid_before_utc)
        end = min(start + timedelta(days=LEAF_DAYS), self._ca.not_valid_after_utc)
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if len(names[0]) <= 64 else []
        general = [_general_name(name) for name in names]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self._ca.subject)
            .public_key(self._leaf_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            # RFC 5280 4.2.1.6: critical when the subject is empty.
            .add_extension(x509.SubjectAlternativeName(general), critical=not subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(self._ski, critical=False)
            .add_extension(self._aki, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


def _make(name: str) -> bytes:
    """A new CA as the content of its key file."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC).replace(microsecond=0)
    host = "".join(char if char.isascii() and char.isalnum() else "-" for char in socket.gethostname())[:28]
    # Host, day and four random digits: whoever finds it in a trust store can tell where and when it was made.
    title = f"{name[:12]} CA {host} {now:%Y-%m-%d} {secrets.token_hex(2)}"
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{name} AI traffic inspection"[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, title),
        ]
    )
    ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(ski, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def _gone() -> bytes:
    raise CaError("the CA's key file was removed while weir ran")


def _parse(data: bytes, path: Path) -> tuple[CaKey, x509.Certificate, tuple[x509.Certificate, ...]]:
    try:
        key = load_pem_private_key(data, None)
        certificates = x509.load_pem_x509_certificates(data)
    except (ValueError, TypeError):
        raise CaError(f"{path}: is not an unencrypted PEM key followed by its certificate") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CaError(f"{path}: the key is neither EC nor RSA, which some clients do not know")
    certificate, *above = certificates
    problem = _problem(key, certificate)
    if problem:
        raise CaError(f"{path}: {problem}")
    return key, certificate, tuple(above)


def _problem(key: CaKey, certificate: x509.Certificate) -> str:
    """Why this pair cannot sign leaves that strict clients accept; "" when it can."""
    if key.public_key() != certificate.public_key():
        return "the key does not belong to the first certificate"
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        return f"the CA expired on {certificate.not_valid_after_utc:%Y-%m-%d}; make a new one (certs/README.md, Rotate)"
    if certificate.not_valid_before_utc > now:
        return f"the CA is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}; check the clock"
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        return "the certificate lacks basicConstraints, keyUsage or subjectKeyIdentifier; strict clients refuse it"
    if not (constraints.value.ca and constraints.critical and usage.key_cert_sign):
        return "the certificate is not that of a CA (critical basicConstraints CA:TRUE, keyUsage keyCertSign)"
    return ""


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _san(name: str) -> str:
    """``name`` as it stands in a certificate: an IP address, or a lower-case A-label name."""
    bare = name.strip("[]").partition("%")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        host = name.lower().rstrip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError("a name of the certificate is not a host name") from None
    labels = host.removeprefix("*.").split(".")
    # A name a peer chose: no NUL or space may reach a certificate, where a parser could cut it short.
    if len(host) > 253 or not all(0 < len(label) <= 63 and _plain(label) for label in labels):
        raise ValueError("a name of the certificate is not a host name")
    return host


def _plain(label: str) -> bool:
    return label.replace("-", "").replace("_", "").isalnum()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
