"""HTTP/2 for the doubles, on h2: one task a stream, both flow-control windows kept."""

from __future__ import annotations

import asyncio

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from .wire import BODY_BYTES_MAX, READ_BYTES, Connection, Gone, Handler, Headers, Request, abort

__all__ = ["Http2"]

_WINDOW_BYTES = 8 * 1024 * 1024  # so that a big prompt isn't paced by window updates
_HOP = frozenset({b"connection", b"transfer-encoding", b"keep-alive"})


class Http2:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        self._reader, self.writer, self._connection = reader, writer, connection
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        self._requests: dict[int, Request] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.moved = asyncio.Event()  # a window grew

    def flush(self) -> None:
        data = self.state.data_to_send()
        if data and not self.writer.is_closing():
            self.writer.write(data)

    async def run(self, handler: Handler) -> None:
        self.state.initiate_connection()
        self.state.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW_BYTES})
        self.state.increment_flow_control_window(_WINDOW_BYTES)
        try:
            while not self.writer.is_closing():
                self.flush()
                await self.writer.drain()
                data = await self._reader.read(READ_BYTES)
                if not data:
                    return
                for event in self.state.receive_data(data):
                    self._take(event, handler)
        finally:
            for stream in list(self._requests):
                self._drop(stream, handler)

    def _drop(self, stream: int, handler: Handler) -> None:
        """The client has given up on a stream, or on the whole connection."""
        request, task = self._requests.pop(stream, None), self._tasks.pop(stream, None)
        if task is not None:
            task.cancel()
        if request is not None:
            handler.lost(request)

    def _take(self, event: h2.events.Event, handler: Handler) -> None:
        if isinstance(event, h2.events.RequestReceived):
            opened = self._request_of(event)
            self._requests[event.stream_id or 0] = opened
            handler.opened(opened)
        elif isinstance(event, h2.events.TrailersReceived):
            trailed = [(bytes(name), bytes(value)) for name, value in event.headers or []]
            self._requests[event.stream_id or 0].headers.extend(trailed)  # so that they are seen to have come
        elif isinstance(event, h2.events.DataReceived):
            self._take_data(event, event.stream_id or 0, handler)
        elif isinstance(event, h2.events.StreamEnded):
            stream = event.stream_id or 0
            request = self._requests.get(stream)
            if request is None:
                return
            request.complete = True
            self._connection.requests += 1
            self._tasks[stream] = asyncio.create_task(self._answer(handler, request, stream))
        elif isinstance(event, h2.events.StreamReset):
            self._drop(event.stream_id or 0, handler)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self.moved.set()

    def _take_data(self, event: h2.events.DataReceived, stream: int, handler: Handler) -> None:
        self.state.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        request = self._requests.get(stream)
        if request is None:
            return  # given up on already
        request.body += event.data or b""
        if len(request.body) > BODY_BYTES_MAX:
            self.state.reset_stream(stream, h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            self._drop(stream, handler)

    async def _answer(self, handler: Handler, request: Request, stream: int) -> None:
        try:
            await handler.answer(request, _Stream(self, stream))
        except (Gone, h2.exceptions.ProtocolError):
            handler.lost(request)
        finally:
            self._requests.pop(stream, None)
            self._tasks.pop(stream, None)

    def _request_of(self, event: h2.events.RequestReceived) -> Request:
        pairs = [(bytes(name), bytes(value)) for name, value in event.headers or []]
        pseudo = {name: value.decode("latin-1") for name, value in pairs if name.startswith(b":")}
        headers = [pair for pair in pairs if not pair[0].startswith(b":")]
        host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
        target, authority = pseudo.get(b":path", "/"), pseudo.get(b":authority", host)
        return Request(self._connection, "2", pseudo.get(b":method", ""), target, authority, headers)


class _Stream:
    """One HTTP/2 stream's side of the answer."""

    def __init__(self, parent: Http2, stream: int) -> None:
        self._parent, self._stream = parent, stream

    async def start(self, status: int, headers: Headers) -> None:
        pairs = [(name.lower(), value) for name, value in headers if name.lower() not in _HOP]
        self._parent.state.send_headers(self._stream, [(b":status", b"%d" % status), *pairs])
        await self._flush()

    async def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            parent = self._parent
            room = min(
                parent.state.local_flow_control_window(self._stream), parent.state.max_outbound_frame_size, len(view)
            )
            if room <= 0:
                parent.moved.clear()
                await parent.moved.wait()
                continue
            parent.state.send_data(self._stream, bytes(view[:room]))
            view = view[room:]
            await self._flush()

    async def end(self) -> None:
        self._parent.state.end_stream(self._stream)
        await self._flush()

    async def cut(self, *, reset: bool = False) -> None:
        if reset:
            abort(self._parent.writer)
        else:
            self._parent.state.reset_stream(self._stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            await self._flush()
        raise Gone("cut on purpose")

    async def _flush(self) -> None:
        self._parent.flush()
        try:
            await self._parent.writer.drain()
        except ConnectionError as problem:
            raise Gone("client left") from problem
