"""HTTP/1.1 for the doubles, on h11."""

from __future__ import annotations

import asyncio

import h11

from .wire import BODY_BYTES_MAX, READ_BYTES, Connection, Gone, Handler, Headers, Request, abort
from .wire_ws import accept_headers, converse, wants_socket

__all__ = ["Http1"]


class Http1:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        self._reader, self._writer, self._connection = reader, writer, connection
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=256 * 1024)

    async def start(self, status: int, headers: Headers) -> None:
        await self._put(h11.Response(status_code=status, headers=list(headers)))

    async def send(self, data: bytes) -> None:
        if data:  # an empty chunk would end a chunked body
            await self._put(h11.Data(data=data))

    async def end(self) -> None:
        await self._put(h11.EndOfMessage())

    async def cut(self, *, reset: bool = False) -> None:
        if reset:
            abort(self._writer)
        else:
            self._writer.close()
        raise Gone("cut on purpose")

    async def _put(self, event: h11.Event) -> None:
        data = self._state.send(event)
        if data:
            self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError as problem:
            raise Gone("client left") from problem

    async def run(self, handler: Handler) -> None:
        while request := await self._receive(handler):
            self._connection.requests += 1
            talk = handler.talk(request) if wants_socket(request) else None
            if talk is not None:
                await self._put(h11.InformationalResponse(status_code=101, headers=accept_headers(request)))
                await converse(self._reader, self._writer, talk, self._state.trailing_data[0])
                return
            await self._answer(handler, request)
            if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
                return
            self._state.start_next_cycle()

    async def _receive(self, handler: Handler) -> Request | None:
        request: Request | None = None
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                if self._state.they_are_waiting_for_100_continue:
                    await self._put(h11.InformationalResponse(status_code=100, headers=[]))
                self._state.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                request = _request_of(event, self._connection)
                handler.opened(request)
            elif isinstance(event, h11.Data) and request is not None:
                request.body += event.data
                if len(request.body) > BODY_BYTES_MAX:
                    return None
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                request.complete = True
                return request
            else:  # closed or paused between requests
                return None

    async def _answer(self, handler: Handler, request: Request) -> None:
        """Answer, and notice at once when the client leaves, even while the handler waits."""
        tasks = asyncio.create_task(handler.answer(request, self)), asyncio.create_task(self._watch())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not tasks[0].done():
                raise Gone("client left")
            tasks[0].result()
        except Gone:
            handler.lost(request)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        """Return when the client has left; what it sends ahead is kept for the next request."""
        try:
            while data := await self._reader.read(READ_BYTES):
                self._state.receive_data(data)
        except ConnectionError:
            return


def _request_of(event: h11.Request, connection: Connection) -> Request:
    headers = [(bytes(name), bytes(value)) for name, value in event.headers.raw_items()]
    authority = next((value.decode("latin-1") for name, value in headers if name.lower() == b"host"), "")
    target = event.target.decode("latin-1")
    return Request(connection, "1.1", event.method.decode("latin-1"), target, authority, headers)
