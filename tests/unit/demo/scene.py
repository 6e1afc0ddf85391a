"""A server for one in-memory test: a handler that is told what to do, on a real loopback socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from weir.demo.wire import Connection, Gone, Request, Responder, Talk
from weir.demo.wire_h1 import Http1
from weir.demo.wire_h2 import Http2

__all__ = ["Script", "serving"]

Answer = Callable[[Request, Responder], Awaitable[None]]


class Script:
    """Notes what it is told and answers with ``answer``."""

    def __init__(self, answer: Answer) -> None:
        self.opened_requests: list[Request] = []
        self.lost_requests: list[Request] = []
        self.lost_one = asyncio.Event()
        self.conversation: Talk | None = None
        self._answer = answer

    def opened(self, request: Request) -> None:
        self.opened_requests.append(request)

    def talk(self, request: Request) -> Talk | None:
        return self.conversation

    def lost(self, request: Request) -> None:
        self.lost_requests.append(request)
        self.lost_one.set()

    async def answer(self, request: Request, responder: Responder) -> None:
        await self._answer(request, responder)


@contextlib.asynccontextmanager
async def serving(
    kind: type[Http1] | type[Http2], script: Script
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client's reader and writer of a connection that ``kind`` serves."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Gone, ConnectionError):
            await kind(reader, writer, Connection(1)).run(script)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
