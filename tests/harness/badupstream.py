"""An upstream that does what no server should: at a port of a test's own, as the test says for each connection."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["BadUpstream", "Chains", "drop"]

_PATIENCE_S = 20.0
Serve = Callable[[socket.socket], None]


def drop(link: socket.socket, *, reset: bool) -> None:
    """End a connection: with RST, or as well-behaved servers do."""
    if reset:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


class BadUpstream:
    """Listens on loopback; ``serve`` is called with every connection, each in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.serve: Serve = socket.socket.close
        self.served = 0
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                link = self._listener.accept()[0]
                self.served += 1
                link.settimeout(_PATIENCE_S)
                self._open.add(link)
                threading.Thread(target=self._one, args=(link, self.serve), daemon=True).start()

    def _one(self, link: socket.socket, serve: Serve) -> None:
        with contextlib.suppress(OSError):  # ssl.SSLError is one: the proxy may end it first
            serve(link)
        link.close()
        self._open.discard(link)

    def close(self) -> None:
        """Stop listening and end what is open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self._open):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


class Chains:
    """Server certificates good and bad for ``host``, under a root whose PEM file is ``ca``."""

    def __init__(self, folder: Path, host: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._host = folder, host
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._root_key, self._root = self._authority("test upstream root", None, None)
        self.ca = folder / "root.pem"
        self.ca.write_bytes(self._root.public_bytes(Encoding.PEM))

    def _authority(
        self, name: str, issuer: x509.Certificate | None, by: ec.EllipticCurvePrivateKey | None, days: float = 2
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = (
            _builder(name, issuer.subject if issuer else None, days)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        return key, made.sign(by or key, hashes.SHA256())

    @contextlib.contextmanager
    def _saved(self, *chain: x509.Certificate) -> Iterator[Path]:
        path = self._folder / "leaf.tmp.pem"
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.touch(mode=0o600)
        path.write_bytes(private + b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        try:
            yield path
        finally:
            path.unlink()

    def context(self, kind: str = "good", alpn: str = "http/1.1") -> ssl.SSLContext:
        """A server context that shows a certificate of this kind:

        ``good``; ``expired``, ``not-yet``, ``other-name``, ``no-name``, ``self-signed``, ``other-root``,
        ``for-clients`` (its purpose is another), ``no-middle`` (its issuer is left out), ``old-middle`` (its issuer
        has expired), ``revoked`` (points at a list that would name it, and asks for a stapled answer).
        """
        issuer, by, days, also = self._root, self._root_key, 2.0, ()
        if kind == "other-root":
            by, issuer = self._authority("test upstream root", None, None)
        elif kind in ("no-middle", "old-middle"):
            by, issuer = self._authority("middle", self._root, self._root_key, -1.0 if kind == "old-middle" else 2.0)
            also = (issuer,) if kind == "old-middle" else ()
        elif kind == "expired":
            days = -1.0
        if kind == "self-signed":
            by = self._key
        subject = _name(self._host) if kind == "self-signed" else issuer.subject
        host = {"other-name": "api.other.example", "no-name": ""}.get(kind, self._host)
        made = _builder(self._host, subject, days, late=kind == "not-yet").public_key(self._key.public_key())
        if host:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if kind == "for-clients" else ExtendedKeyUsageOID.SERVER_AUTH
        made = made.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if kind == "revoked":
            place = x509.UniformResourceIdentifier("http://127.0.0.1:9/revoked.crl")
            points = x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])
            staple = x509.TLSFeature([x509.TLSFeatureType.status_request])
            made = made.add_extension(points, critical=False).add_extension(staple, critical=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols([alpn])
        with self._saved(made.sign(by, hashes.SHA256()), *also) as path:
            context.load_cert_chain(path)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(name: str, issuer: x509.Name | None, days: float, *, late: bool = False) -> x509.CertificateBuilder:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer or _name(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + day if late else now - 30 * day)
        .not_valid_after(now + (2 if late else days) * day)
    )
