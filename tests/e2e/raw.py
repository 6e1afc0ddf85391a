"""Connections spoken byte by byte: what no HTTP client would send, and what it would hide of what came back."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.clients import trust

__all__ = [
    "Line",
    "Refused",
    "Reply",
    "dial",
    "drip",
    "for_threads",
    "forwarder",
    "open_line",
    "post",
    "secure",
    "serving",
]

_TIMEOUT_S = 20.0


class Refused(Exception):
    """The proxy turned the tunnel down."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"status {reply.status}")
        self.reply = reply


@dataclass(frozen=True)
class Reply:
    """An HTTP/1.1 reply. ``headers`` as they came; ``body`` without the transfer coding, which ``chunks`` tells."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunks: tuple[int, ...] = ()  # sizes; empty when the body was not chunked

    def header(self, name: str) -> str:
        """The first header of that name, "" when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class Line:
    """One connection, in clear or within TLS. A context manager."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._file = connection.makefile("rb")

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.connection.sendall(data)

    def head(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        """Read a status line and headers. EOFError when the connection ends instead."""
        first = self._file.readline().decode("latin-1")
        if not first:
            raise EOFError("the connection ended")
        headers = []
        while line := self._file.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        return int(first.split()[1]), tuple(headers)

    def chunk(self) -> bytes:
        """Read one chunk of a chunked body; b"" is the last. EOFError when the connection ends instead."""
        size = self._file.readline().strip()
        if not size:
            raise EOFError("the connection ended")
        data = self._file.read(int(size, 16))
        self._file.readline()
        return data

    def reply(self) -> Reply:
        """Read a whole reply."""
        status, headers = self.head()
        named = {name.lower(): value for name, value in headers}
        if named.get("transfer-encoding") == "chunked":
            parts = []
            while part := self.chunk():
                parts.append(part)
            return Reply(status, headers, b"".join(parts), tuple(map(len, parts)))
        if "content-length" in named:
            return Reply(status, headers, self._file.read(int(named["content-length"])))
        return Reply(status, headers, self._file.read())

    def rest(self) -> bytes:
        """Everything until the other side ends or breaks the connection."""
        data = b""
        with contextlib.suppress(OSError):
            while part := self._file.read1(65536):
                data += part
        return data

    def close(self) -> None:
        """Close without ado."""
        with contextlib.suppress(OSError):
            self._file.close()
            self.connection.close()


def dial(proxy: str, target: str, *, auth: str = "", source: str = "", more: str = "") -> socket.socket:
    """A tunnel to ``target`` (HOST:PORT) in clear. ``auth`` is USER:PASSWORD, ``source`` an own address to call from.

    Raises Refused with the proxy's reply.
    """
    parts = urlsplit(proxy)
    origin = (source, 0) if source else None
    plain = socket.create_connection((parts.hostname or "", parts.port or 0), _TIMEOUT_S, source_address=origin)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    login = f"Proxy-Authorization: Basic {base64.b64encode(auth.encode()).decode()}\r\n" if auth else ""
    plain.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}{more}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        data = plain.recv(1)  # not one byte of the tunnel
        if not data:
            raise EOFError("the proxy closed the connection")
        head += data
    status = int(head.split()[1])
    if status != 200:
        lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:] if line]
        refusal = Reply(status, tuple((name, value.strip()) for name, _, value in lines), b"")
        plain.close()
        raise Refused(refusal)
    return plain


def secure(plain: socket.socket, sni: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """TLS over ``plain``."""
    return context.wrap_socket(plain, server_hostname=sni)


def for_threads(context: ssl.SSLContext) -> ssl.SSLContext:
    """For connections that one thread reads and another writes: in TLS 1.3 reading a session's ticket while something
    is written loses what is written, about once in 200 connections."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def open_line(proxy: str, target: str, ca: Path, *, sni: str = "", threads: bool = False, **options: str) -> Line:
    """A tunnel with TLS in it, speaking HTTP/1.1, to a server whose certificate ``ca`` vouches for.

    ``threads``: one thread is going to read and another to write.
    """
    context = for_threads(trust(ca)) if threads else trust(ca)
    context.set_alpn_protocols(["http/1.1"])
    return Line(secure(dial(proxy, target, **options), sni or target.rpartition(":")[0], context))


def drip(plain: socket.socket, sni: str, context: ssl.SSLContext) -> bytes:
    """Make a TLS handshake whose first bytes leave one at a time; the server's certificate (DER)."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = context.wrap_bio(incoming, outgoing, server_hostname=sni)
    while True:
        try:
            machine.do_handshake()
            break
        except ssl.SSLWantReadError:
            hello = outgoing.read()
            for number, byte in enumerate(hello):
                plain.sendall(bytes([byte]))
                if number < 16:
                    time.sleep(0.004)  # so that they arrive apart; together they would only make the test easier
            incoming.write(plain.recv(65536))
    plain.sendall(outgoing.read())
    certificate = machine.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def post(host: str, path: str, body: bytes, key: str, *, more: str = "") -> bytes:
    """An HTTP/1.1 POST of JSON as bytes, with a bearer key; ``more`` are header lines."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    return f"{head}{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(port: int, serve: Callable[[socket.socket], object]) -> Iterator[list[type[Exception]]]:
    """Call ``serve`` with every connection to ``port``; the kinds of errors it raised are what the test sees."""
    listener = socket.create_server(("127.0.0.1", port))
    raised: list[type[Exception]] = []

    def one(link: socket.socket) -> None:
        try:
            serve(link)
        except ssl.SSLError:
            raised.append(ssl.SSLError)
        except OSError as error:
            raised.append(type(error))
        finally:
            link.close()

    def accept() -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                one(listener.accept()[0])

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield raised
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@contextlib.contextmanager
def forwarder(port: int, to: int) -> Iterator[None]:
    """Listen on ``port`` and lead every connection to ``to``: an upstream that is there only as long as this."""
    listener = socket.create_server(("127.0.0.1", port))

    def accept() -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                client = listener.accept()[0]
                upstream = socket.create_connection(("127.0.0.1", to))
                for pair in ((client, upstream), (upstream, client)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
