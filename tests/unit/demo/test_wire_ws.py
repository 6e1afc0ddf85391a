"""A WebSocket with the doubles, spoken by a client that knows the protocol."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from weir.demo.wire import Connection, Request, Responder
from weir.demo.wire_h1 import Http1
from weir.demo.wire_ws import accept_headers, wants_socket

from .scene import Script


class Parrot:
    """Says again what it hears."""

    def opened(self) -> list[str]:
        return ["hello"]

    def heard(self, text: str) -> list[str]:
        return [text, json.dumps({"chars": len(text)})]


async def no(_: Request, responder: Responder) -> None:
    await responder.start(401, [(b"content-length", b"0")])
    await responder.end()


async def at(script: Script) -> tuple[asyncio.Server, str]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Http1(reader, writer, Connection(1)).run(script)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    return server, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def test_messages_go_both_ways_long_ones_too() -> None:
    async def scene() -> None:
        script = Script(no)
        script.conversation = Parrot()
        server, address = await at(script)
        async with server, connect(address, subprotocols=["realtime"], proxy=None) as link:  # type: ignore[list-item]
            assert link.subprotocol == "realtime" and await link.recv() == "hello"
            for text in ("hé", "x" * 300_000):
                await link.send(text)
                assert [await link.recv(), await link.recv()] == [text, json.dumps({"chars": len(text)})]
            await link.send(["in ", "two ", "parts"])
            assert await link.recv() == "in two parts"
            await (await link.ping())
        with pytest.raises(ConnectionClosed):
            await link.recv()
            await link.recv()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_a_socket_may_be_refused() -> None:
    async def scene() -> None:
        server, address = await at(Script(no))
        async with server:
            with pytest.raises(InvalidStatus) as caught:
                await connect(address, proxy=None)
            assert caught.value.response.status_code == 401

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_the_handshake_of_the_standard() -> None:
    headers = [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==")]
    request = Request(Connection(1), "1.1", "GET", "/", "a.example", headers)
    assert wants_socket(request)
    assert dict(accept_headers(request))[b"sec-websocket-accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert not wants_socket(Request(Connection(1), "1.1", "GET", "/", "a.example", headers[:1]))
