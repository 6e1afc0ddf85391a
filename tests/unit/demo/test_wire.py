"""The reset that a test can ask for is one."""

from __future__ import annotations

import asyncio

import pytest

from weir.demo.wire import Connection, Request, abort


def test_abort_resets_the_connection() -> None:
    async def scene() -> None:
        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            abort(writer)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        server.close()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_a_body_is_not_in_the_repr() -> None:
    request = Request(Connection(1), "1.1", "POST", "/", "a.example", [], bytearray(b"secret words"))
    assert "secret words" not in repr(request)
