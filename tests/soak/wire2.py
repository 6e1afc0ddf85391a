"""HTTP/2 through the proxy on asyncio: several streams on a connection, each of which can be left or read slowly."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from soak.wire import Line

__all__ = ["H2", "Stream"]

type Fields = list[tuple[str, str]]


@dataclass
class Stream:
    """One exchange: ``status`` 0 until its head is there; ``over`` tells why it ended, "" for in order."""

    number: int
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    over: str | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    slow: bool = False
    owed: int = 0  # bytes a slow reader has not made room for


class H2:
    """A connection. Raises ConnectionError from ``ask`` once it has ended."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._streams: dict[int, Stream] = {}
        self._room = asyncio.Event()
        self._ended = False
        self._state.initiate_connection()
        self._flush()
        self._task = asyncio.create_task(self._read())

    @property
    def open(self) -> bool:
        """Whether more can be asked on it."""
        return not self._ended

    async def ask(self, fields: Fields, body: bytes, *, slow: bool = False, whole: bool = True) -> Stream:
        """Send a request; ``whole`` false: all but its end."""
        if self._ended:
            raise ConnectionError("the connection has ended")
        stream = Stream(self._state.get_next_available_stream_id(), slow=slow)
        self._streams[stream.number] = stream
        self._state.send_headers(stream.number, fields)
        while body:
            window = min(self._state.local_flow_control_window(stream.number), self._state.max_outbound_frame_size)
            if not window:
                self._room.clear()
                await self._room.wait()
                if self._ended or stream.over is not None:
                    return stream
                continue
            piece, body = body[:window], body[window:]
            self._state.send_data(stream.number, piece, end_stream=whole and not body)
            self._flush()
            await self._line.writer.drain()
        return stream

    async def end(self, stream: Stream) -> None:
        """Wait for its end; a slow one makes a little room at a time."""
        while stream.over is None:
            stream.changed.clear()
            if stream.slow and stream.owed:
                await asyncio.sleep(0.02)
                self._grant(stream, min(stream.owed, 4096))
                continue
            await stream.changed.wait()
        if stream.slow and stream.owed and not self._ended:
            self._grant(stream, stream.owed)

    async def first(self, stream: Stream) -> None:
        """Wait for the first bytes of its body."""
        while not stream.body and stream.over is None:
            stream.changed.clear()
            await stream.changed.wait()

    def leave(self, stream: Stream) -> None:
        """Reset one stream."""
        self._streams.pop(stream.number, None)
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._state.reset_stream(stream.number, h2.errors.ErrorCodes.CANCEL)
            self._flush()

    async def close(self) -> None:
        """Say goodbye and go."""
        if not self._ended:
            with contextlib.suppress(h2.exceptions.ProtocolError, OSError):
                self._state.close_connection()
                self._flush()
        self._task.cancel()
        await asyncio.wait([self._task])
        self._line.leave()

    def _grant(self, stream: Stream, size: int) -> None:
        stream.owed -= size
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._state.acknowledge_received_data(size, stream.number)
        self._flush()

    def _flush(self) -> None:
        self._line.writer.write(self._state.data_to_send())

    async def _read(self) -> None:
        try:
            while data := await self._line.reader.read(65536):
                for event in self._state.receive_data(data):
                    self._take(event)
                self._flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            self._ended = True
            for stream in self._streams.values():
                stream.over = "connection ended" if stream.over is None else stream.over
                stream.changed.set()
            self._room.set()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self._ended = True
        if isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self._room.set()
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, h2.events.DataReceived):
            size = event.flow_controlled_length or 0
            if stream is None or not stream.slow:
                self._state.acknowledge_received_data(size, event.stream_id or 0)
            else:
                stream.owed += size
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.status = int(dict(event.headers or ())[":status"])  # type: ignore[arg-type]
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data or b""
        elif isinstance(event, h2.events.StreamReset):
            stream.over = f"reset {event.error_code}"
            self._room.set()
        elif isinstance(event, h2.events.StreamEnded):
            stream.over = ""
            del self._streams[stream.number]
        stream.changed.set()
