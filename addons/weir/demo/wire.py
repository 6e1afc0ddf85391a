"""What the doubles' server hands to whoever answers: a request as it came off the wire, and the means to reply.

Own code on h11 and h2, the libraries mitmproxy itself brings: ready servers hide what a test must control, when each
byte leaves, where a stream breaks, what exactly arrived.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = [
    "BODY_BYTES_MAX",
    "READ_BYTES",
    "Connection",
    "Gone",
    "Handler",
    "Headers",
    "Request",
    "Responder",
    "Talk",
    "abort",
]

Headers = Sequence[tuple[bytes, bytes]]
READ_BYTES = 256 * 1024
BODY_BYTES_MAX = 256 * 1024 * 1024


class Gone(ConnectionError):
    """The client has left, or the connection was cut on purpose: there is nobody to answer."""


@dataclass(eq=False)
class Connection:
    """One accepted connection, as far as a test may want to know it."""

    number: int
    sni: str = ""
    alpn: str = ""
    requests: int = 0
    open: bool = True


@dataclass(eq=False)
class Request:
    """A request as it came off the wire; ``body`` grows until ``complete``."""

    connection: Connection
    version: str  # "1.1" or "2"
    method: str
    target: str
    authority: str
    headers: list[tuple[bytes, bytes]]
    body: bytearray = field(default_factory=bytearray, repr=False)
    complete: bool = False


class Responder(Protocol):
    """What a handler answers with. Every method raises Gone when the client has left."""

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head. Without ``content-length`` HTTP/1.1 goes chunked."""
        ...

    async def send(self, data: bytes) -> None:
        """Send body bytes and wait until the transport has taken them."""
        ...

    async def end(self) -> None:
        """End the body properly."""
        ...

    async def cut(self, *, reset: bool = False) -> None:
        """Break off: HTTP/1.1 closes in mid-body, HTTP/2 resets the stream; ``reset`` kills the TCP connection."""
        ...


class Talk(Protocol):
    """One conversation over a WebSocket: texts only."""

    def opened(self) -> list[str]:
        """What is said before the client has said anything."""
        ...

    def heard(self, text: str) -> list[str]:
        """What is said to a message of the client's."""
        ...


class Handler(Protocol):
    """Who answers."""

    def talk(self, request: Request) -> Talk | None:
        """The conversation that a request for a WebSocket opens; None when it is answered like any other."""
        ...

    def opened(self, request: Request) -> None:
        """The head has arrived; the body has not."""
        ...

    async def answer(self, request: Request, responder: Responder) -> None:
        """Answer a complete request."""
        ...

    def lost(self, request: Request) -> None:
        """The client left before the answer ended."""
        ...


def abort(writer: asyncio.StreamWriter) -> None:
    """Kill the TCP connection with a reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None:  # linger 0: the kernel answers with RST instead of FIN
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
