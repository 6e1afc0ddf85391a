"""A WebSocket on a connection that was HTTP/1.1, on wsproto, which mitmproxy brings too."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage

from .wire import READ_BYTES, Request, Talk

__all__ = ["accept_headers", "converse", "wants_socket"]

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def _header(request: Request, wanted: bytes) -> bytes:
    return next((value for name, value in request.headers if name.lower() == wanted), b"")


def wants_socket(request: Request) -> bool:
    """True for a request that asks for a WebSocket."""
    asked = _header(request, b"upgrade").lower() == b"websocket" and bool(_header(request, b"sec-websocket-key"))
    return asked and request.method == "GET"


def accept_headers(request: Request) -> list[tuple[bytes, bytes]]:
    """The headers of the 101 that grants it; no extensions, and the first subprotocol that was offered."""
    accept = base64.b64encode(hashlib.sha1(_header(request, b"sec-websocket-key") + _MAGIC).digest())
    headers = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", accept)]
    offered = _header(request, b"sec-websocket-protocol").partition(b",")[0].strip()
    return [*headers, (b"sec-websocket-protocol", offered)] if offered else headers


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, talk: Talk, ahead: bytes) -> None:
    """Hold the conversation until one side ends it. ``ahead``: bytes that came behind the request."""
    state = Connection(ConnectionType.SERVER)

    async def say(texts: list[str]) -> None:
        for text in texts:
            writer.write(state.send(TextMessage(data=text)))
            await writer.drain()

    await say(talk.opened())
    if ahead:
        state.receive_data(ahead)
    said: list[str] = []
    while True:
        for event in state.events():
            if isinstance(event, Ping):
                writer.write(state.send(event.response()))
            elif isinstance(event, CloseConnection):
                writer.write(state.send(event.response()))
                await writer.drain()
                return
            elif isinstance(event, TextMessage):
                said.append(event.data)
                if event.message_finished:
                    whole, said = "".join(said), []
                    await say(talk.heard(whole))
        data = await reader.read(READ_BYTES)
        if not data:
            return
        state.receive_data(data)
