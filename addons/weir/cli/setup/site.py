"""The few addresses that ``weir serve-setup`` answers at, each made once at the start."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from weir.cli.setup.page import About, page, policy_of_page
from weir.cli.setup.profile import profile
from weir.edge.health.server import Asked, Reply, Server, plain

__all__ = ["Ca", "answers", "read_ca", "serve"]

_PAC = "application/x-ns-proxy-autoconfig"


@dataclass(frozen=True, slots=True)
class Ca:
    """The certificate for clients, and those above it where a company CA signed it. Never a key."""

    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 as browsers show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def name(self) -> str:
        """The common name."""
        known = self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(known[0].value) if known else self.certificate.subject.rfc4514_string()

    @property
    def pem(self) -> bytes:
        """All of it, written anew: whatever else stands in the file stays there."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.above))


def read_ca(path: Path) -> Ca:
    """The CA of a PEM file. Raises ValueError, which quotes nothing of it."""
    try:
        first, *above = x509.load_pem_x509_certificates(path.read_bytes())
        if not first.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise ValueError
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, x509.ExtensionNotFound):
        raise ValueError(f"{path}: holds no certificate of a CA") from None
    return Ca(first, tuple(above))


def answers(ca: Ca, about: About, pac: str) -> Mapping[str, Reply]:
    """What is answered, by path."""
    safe = (("referrer-policy", "no-referrer"), ("x-frame-options", "DENY"))
    html = Reply(200, page(about), "text/html; charset=utf-8", (("content-security-policy", policy_of_page()), *safe))
    roots = certifi.contents().rstrip().encode() + b"\n\n" + ca.pem
    made = {
        "/weir-ca.pem": Reply(200, ca.pem, "application/x-pem-file"),
        "/weir-ca.cer": Reply(200, ca.certificate.public_bytes(Encoding.DER), "application/x-x509-ca-cert"),
        "/weir-ca.mobileconfig": Reply(200, profile(ca.certificate), "application/x-apple-aspen-config"),
        "/weir-roots.pem": Reply(200, roots, "application/x-pem-file"),
        "/proxy.pac": Reply(200, pac.encode("ascii"), _PAC),
        "/wpad.dat": Reply(200, pac.encode("ascii"), _PAC),
    }
    return {"/": html} | made


async def serve(sock: socket.socket, answered: Mapping[str, Reply]) -> None:
    """Answer until SIGTERM or SIGINT. ``sock`` is bound. Raises OSError."""

    async def answer(asked: Asked) -> Reply:
        return answered.get(asked.path) or plain(404)

    server, end = Server(answer), asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, end.set)
    await server.start(sock)
    try:
        await end.wait()
    finally:
        await server.close()
