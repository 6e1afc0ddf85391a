"""Receivers of exports on loopback: a real rsyslog, and an HTTPS server that answers as Splunk's collector does.

Splunk itself cannot be had without its vendor's download; ``Splunk`` follows what its documentation says of requests,
answers and codes.
"""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import json
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from harness.servers import Server

__all__ = ["Papers", "Request", "Splunk", "Web", "free_port", "papers", "rsyslog"]

Said = tuple[int, bytes, dict[str, str]]


@dataclass(frozen=True)
class Papers:
    """PEM files of a server on loopback: its authority, its certificate, its key."""

    ca: Path
    cert: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """What a server needs to show them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


def papers(folder: Path, name: str = "localhost") -> Papers:
    """An authority, and a certificate for ``name`` and 127.0.0.1 that it signed."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Papers(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _builder("receivers", "receivers", root_key, ca=True, signer=root_key).sign(root_key, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = _builder(name, "receivers", key, ca=False, signer=root_key).add_extension(names, False)
    made.ca.write_bytes(root.public_bytes(Encoding.PEM))
    made.cert.write_bytes(leaf.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.key.chmod(0o600)
    return made


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, ca: bool, signer: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
    )


def free_port() -> int:
    """A port nobody listens on at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Rsyslog(Server):
    """It ends in order at SIGTERM, with everything it has read on disk, and takes no notice of SIGINT."""

    def stop(self) -> None:
        if self._child:
            self._child.terminate()
            self._child.wait(20)
            self._child = None


@contextmanager
def rsyslog(folder: Path, shown: Papers | None = None) -> Iterator[tuple[Server, int, Path]]:
    """A real rsyslogd with one TCP input (TLS with ``shown``): server, port, and the file of raw messages."""
    modules = [path.parent for path in Path("/usr/lib").glob("**/rsyslog/imtcp.so")]
    assert modules, "rsyslog is not installed (package rsyslog)"
    if shown:
        assert (modules[0] / "lmnsd_gtls.so").exists(), "rsyslog has no TLS (package rsyslog-gnutls)"
    folder.mkdir(parents=True, exist_ok=True)
    port, out, conf = free_port(), folder / "messages", folder / "rsyslog.conf"
    driver = ""
    lines = [f'global(workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"']
    if shown:
        lines += [f'  defaultNetstreamDriverCAFile="{shown.ca}" defaultNetstreamDriverCertFile="{shown.cert}"']
        lines += [f'  defaultNetstreamDriverKeyFile="{shown.key}"']
        driver = ' streamdriver.name="gtls" streamdriver.mode="1" streamdriver.authmode="anon"'
    lines += [")", f'module(load="imtcp"{driver})', r'template(name="raw" type="string" string="%rawmsg%\n")']
    lines += [f'ruleset(name="all") {{ action(type="omfile" file="{out}" template="raw") }}']
    lines += [f'input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")']
    conf.write_text("\n".join(lines) + "\n")
    program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
    command = ["setpriv", "--pdeathsig=KILL", "--", program, "-n", "-f", str(conf), "-i", str(folder / "pid")]
    server = _Rsyslog(command, port, f"127.0.0.1:{port}", folder)
    try:
        server.start()
        yield server, port, out
    finally:
        server.stop()


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    client: int = 0  # the port it came from: the same for all requests of a connection

    def json(self) -> Any:
        """The body as one JSON document."""
        return json.loads(self.body)


@dataclass
class Web:
    """An HTTPS server (HTTP without ``shown``) that answers what ``answer`` says, and 200 without one."""

    shown: Papers | None = None
    answer: Callable[[Request], Said | None] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    def start(self) -> None:
        """Listen; after a stop on the same port again."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        if self.shown:
            self._server.socket = self.shown.server().wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Web:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def bodies(self, path: str) -> list[bytes]:
        """What came to a path."""
        return [request.body for request in self.requests if request.path == path]


@dataclass
class Splunk(Web):
    """Splunk's HTTP Event Collector with one token.

    ``acks``: the token has indexer acknowledgement, so a channel is needed and ids are given. ``busy``: 503 so often.
    ``lost``: so many answers are lost on their way, after the events were indexed. An event for which ``poison`` says
    yes is a wrong one: events before it in its request are indexed, as Splunk does.
    """

    token: str = ""
    acks: bool = False
    busy: int = 0
    lost: int = 0
    poison: Callable[[Any], bool] = lambda event: False
    indexed: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    _ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answer = self._hec

    def _hec(self, request: Request) -> Said | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            return _said(401, "Token is required", 2)
        if (scheme, token) != ("Splunk", self.token):
            return _said(403, "Invalid token", 4)
        channel = request.headers.get("x-splunk-request-channel") or request.query.get("channel", [""])[0]
        if self.acks and not channel:
            return _said(400, "Data channel is missing", 10)
        if request.path.endswith("/ack"):
            self.asked += 1
            wanted = request.json()["acks"]  # the first time nothing is acknowledged yet
            told = {str(ack): self.asked > 1 and ack < self._ids.get(channel, 0) for ack in wanted}
            return 200, json.dumps({"acks": told}).encode(), {}
        if self.busy:
            self.busy -= 1
            return _said(503, "Server is busy", 9)
        taken = self._index(request.body)
        if taken is not None:
            return taken
        if self.lost:
            self.lost -= 1
            return 0, b"", {}
        if not self.acks:
            return _said(200, "Success", 0)
        self._ids[channel] = self._ids.get(channel, 0) + 1
        return _said(200, "Success", 0, ackId=self._ids[channel] - 1)

    def _index(self, body: bytes) -> Said | None:
        text, at, number, decoder = body.decode(), 0, 0, json.JSONDecoder()
        if not text.strip():
            return _said(400, "No data", 5)
        while text[at:].strip():
            at += len(text[at:]) - len(text[at:].lstrip())
            try:
                found, at = decoder.raw_decode(text, at)
            except ValueError:
                return _said(400, "Invalid data format", 6, **{"invalid-event-number": number})
            if "event" not in found:
                return _said(400, "Event field is required", 12, **{"invalid-event-number": number})
            if self.poison(found["event"]):
                return _said(400, "Invalid data format", 6, **{"invalid-event-number": number})
            self.indexed.append(found)
            number += 1
        return None


def _said(status: int, text: str, code: int, **more: int) -> Said:
    return status, json.dumps({"text": text, "code": code, **more}).encode(), {}


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that ends a handshake is what some tests are about."""


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            parts = urlsplit(self.path)
            request = Request(parts.path, parse_qs(parts.query), headers, body, self.client_address[1])
            web.requests.append(request)
            status, data, more = web.answer(request) or (200, b"{}", {})
            if not status:  # the answer is lost on its way
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **more}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a request line is no news here."""

    return Handler
