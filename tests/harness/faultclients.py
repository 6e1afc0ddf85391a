"""Clients that see exactly what a failing proxy does to them: raw sockets, every stage by itself."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .clients import trust
from .weir import Weir

__all__ = ["Outcome", "Raw", "Sockets", "ask", "chat", "socks5", "websocket"]

_TIMEOUT_S = 15.0
OPENAI = "api.openai.com"


@dataclass
class Outcome:
    """What came back: at which stage it ended (``connect``, ``tls``, ``reply``), and whether the reply was whole."""

    stage: str
    status: int = 0
    body: bytes = field(default=b"", repr=False)
    cut: bool = False
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def rule(self) -> str:
        """The rule that weir's own answers name."""
        return self.headers.get("x-weir-rule", "")


class Raw:
    """A connection through the proxy, opened as far as a test wants it."""

    def __init__(self, weir: Weir) -> None:
        self.weir = weir
        self.sock: socket.socket = socket.create_connection((weir.host, weir.port), timeout=_TIMEOUT_S)

    def connect(self, host: str = OPENAI, port: int = 443) -> int:
        """CONNECT; the status, 0 when the proxy just closed."""
        return self.reply_to(
            f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode(), "CONNECT"
        ).status

    def handshake(self, host: str = OPENAI, context: ssl.SSLContext | None = None) -> None:
        """TLS inside the tunnel. Raises ssl.SSLError or ConnectionError."""
        self.sock = (context or trust(self.weir.ca)).wrap_socket(self.sock, server_hostname=host)

    def tunnel(self, host: str = OPENAI) -> Raw:
        """CONNECT and handshake; AssertionError when the tunnel is refused."""
        assert self.connect(host) == 200
        self.handshake(host)
        return self

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.sock.sendall(data)

    def reply(self, method: str = "POST") -> Outcome:
        """Read one reply; an early end is ``cut``."""
        reply = http.client.HTTPResponse(self.sock, method=method)
        try:
            reply.begin()
        except (OSError, http.client.HTTPException):
            return Outcome("reply", cut=True)
        headers = {name.lower(): value for name, value in reply.getheaders()}
        try:
            body = b"" if method == "CONNECT" and reply.status == 200 else reply.read()
        except http.client.IncompleteRead as short:
            return Outcome("reply", reply.status, short.partial, True, headers)
        except (OSError, http.client.HTTPException):
            return Outcome("reply", reply.status, b"", True, headers)
        return Outcome("reply", reply.status, body, False, headers)

    def reply_to(self, data: bytes, method: str = "POST") -> Outcome:
        """Send, then read one reply; a connection lost while sending still may have one."""
        with contextlib.suppress(OSError):
            self.send(data)
        return self.reply(method)

    def close(self, *, reset: bool = False) -> None:
        """Leave, with a RST if asked."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


def chat(text: str = "How are you?", **more: Any) -> bytes:
    """A chat completions body."""
    return json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}).encode()


def head(body: bytes | None, host: str, target: str, method: str, headers: dict[str, str]) -> bytes:
    """A request head; a length is added unless the headers have a framing of their own."""
    given = {"Host": host, "Content-Type": "application/json", **headers}
    framed = {"content-length", "transfer-encoding"} & {name.lower() for name in given}
    if body is not None and not framed:
        given["Content-Length"] = str(len(body))
    return (
        f"{method} {target} HTTP/1.1\r\n".encode()
        + b"".join(f"{n}: {v}\r\n".encode() for n, v in given.items())
        + b"\r\n"
    )


def ask(
    weir: Weir,
    body: bytes | None = None,
    *,
    host: str = OPENAI,
    target: str = "/v1/chat/completions",
    method: str = "POST",
    **headers: str,
) -> Outcome:
    """One exchange on a new connection. Underscores in ``headers`` are dashes."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    body = chat() if body is None else body
    raw = Raw(weir)
    try:
        data = f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode()
        opened = raw.reply_to(data, "CONNECT")
        if opened.status != 200:
            return Outcome("connect", opened.status, opened.body, opened.cut, opened.headers)
        try:
            raw.handshake(host)
        except OSError:  # ssl.SSLError is one
            return Outcome("tls", cut=True)
        return raw.reply_to(head(body, host, target, method, given) + body, method)
    finally:
        raw.close()


class Sockets:
    """An upstream that speaks WebSocket: echoes text frames and keeps what it received."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, IndexError, ValueError):
            sock.settimeout(_TIMEOUT_S)
            key = dict(_fields(_read_head(sock))).get("sec-websocket-key", "")
            magic = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            accept = base64.b64encode(magic).decode()
            sock.sendall(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
            )
            while frame := _read_frame(sock):
                opcode, payload = frame
                if opcode == 8:
                    sock.sendall(bytes([0x88, len(payload)]) + payload)
                    return
                self.received.append(payload)
                sock.sendall(bytes([0x80 | opcode, len(payload)]) + payload)

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Sockets:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read_head(sock: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _fields(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _read_frame(sock: socket.socket) -> tuple[int, bytes]:
    first, second = _exactly(sock, 2)
    length = second & 0x7F
    mask = _exactly(sock, 4) if second & 0x80 else bytes(4)
    payload = _exactly(sock, length)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def _frame(opcode: int, payload: bytes) -> bytes:
    mask = os.urandom(4)
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def websocket(weir: Weir, host: str, said: bytes = b"hello") -> tuple[int, bytes]:
    """Open a WebSocket in plain HTTP, say one thing, leave: the status of the upgrade and the echo (b"": none came)."""
    raw = Raw(weir)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        raw.send(
            f"GET http://{host}/socket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = int(_read_head(raw.sock).split(b" ")[1])
        if status != 101:
            return status, b""
        raw.send(_frame(1, said))
        raw.sock.settimeout(1.0)
        try:
            echo = _read_frame(raw.sock)[1]
        except OSError:
            echo = b""
        with contextlib.suppress(OSError):
            raw.send(_frame(8, b"\x03\xe8"))
            _read_frame(raw.sock)
        return status, echo
    except (OSError, IndexError):
        return 0, b""
    finally:
        raw.close()


def socks5(weir: Weir, user: str, password: str) -> Outcome:
    """Log in at the proxy's second listener, which speaks SOCKS5; ``cut`` when it does not let anybody in."""
    port = json.loads((weir.folder / "ready.json").read_text())["listen"][1][1]
    given = b"".join(bytes([len(word)]) + word.encode() for word in (user, password))
    with socket.create_connection((weir.host, port), _TIMEOUT_S) as sock:
        sock.sendall(b"\x05\x01\x02")
        greeted = sock.recv(2)
        if greeted == b"\x05\x02":
            sock.sendall(b"\x01" + given)
        else:
            return Outcome("socks5", cut=True)
        return Outcome("socks5", cut=sock.recv(2) != b"\x01\x00")
