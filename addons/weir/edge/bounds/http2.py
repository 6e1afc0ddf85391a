"""mitmproxy's HTTP/2 with bounds: on streams, on resets, on heads in pieces, and on what a peer leaves unread.

mitmproxy keeps what a peer has no window for, without a limit: here it is counted, and who makes more has to wait
(see `readers`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import h2.events
import h2.exceptions
import h2.settings
import hpack
import mitmproxy.proxy.layers.http as http_layers
from h2.frame_buffer import FrameBuffer
from hyperframe.frame import Frame
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import RequestData, ResponseData
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import SendH2Data

from weir.edge.bounds.ending import give_up
from weir.edge.bounds.farewell import Farewell, Parting
from weir.edge.bounds.kept import Backlog
from weir.edge.trace import link_of

__all__ = ["RESETS_S", "WeirHttp2Client", "WeirHttp2Server", "install"]

RESETS_S = 10.0  # within these a client may reset twice as many streams as it may have at once, and a hundred more
_RESETS_MORE = 100
TABLE_BYTES_MAX = 4096  # of the headers that are remembered for a peer, whatever it has room for
_PIECE_BYTES_MAX = 16_384  # of what waits for a peer: it goes out as one frame, and so much every peer takes
_DATA = 0  # the type of a DATA frame
_HEAD_BYTES = 9  # of a frame
_TYPE_AT = 3  # behind its length: where a frame's head says its type


def _held(connection: Any) -> int:
    buffers = connection.stream_buffers
    return sum(len(one.data) for buffer in buffers.values() for one in buffer) if buffers else 0


def _join(connection: Any, stream_id: int) -> None:
    """Put the last piece that waits to the one before it.

    A piece of a few bytes takes a hundred, and `_held` looks at each of them whenever one comes in addition.
    """
    buffer = connection.stream_buffers.get(stream_id)
    if buffer and len(buffer) > 1 and len(buffer[-1].data) + len(buffer[-2].data) <= _PIECE_BYTES_MAX:
        last = buffer.pop()
        buffer[-1] = SendH2Data(buffer[-1].data + last.data, last.end_stream)


class _Encoder(hpack.Encoder):
    """Remembers no more than others do without being asked.

    A peer may ask for a table of any size, and each header of each message is looked up in all of it: with one of
    gigabytes a reply takes tens of milliseconds after some thousand.
    """

    @property
    def header_table_size(self) -> int:
        """Bytes."""
        return int(self.header_table.maxsize)

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        hpack.Encoder.header_table_size.fset(self, min(value, TABLE_BYTES_MAX))  # type: ignore[attr-defined]


class WeirHttp2Server(Http2Server):
    """The client's side."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.h2_conn.encoder = _Encoder()
        self._bounds = link_of(context.client).bounds
        limits = self._bounds.limits
        self.h2_conn.local_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = limits.streams_max
        self.h2_conn.local_settings[h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE] = limits.head_bytes_max
        self.h2_conn.decoder.max_header_list_size = limits.head_bytes_max
        self.h2_conn.local_settings.acknowledge()
        self._backlog = self._bounds.backlogs[context.client] = Backlog(limits.unread_bytes_max)
        self._parting = Parting(self.h2_conn)

    def _handle_event(self, event: Any) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.Wakeup):
            yield from super()._handle_event(event)
        elif isinstance(event.command, Farewell) and (again := self._parting.woken(event.command)):
            yield again
        if isinstance(event, events.Start):
            yield Farewell()
        elif "_handle_event" not in self.__dict__ and (goaway := self._parting.goaway()):  # else it has ended
            yield commands.SendData(self.conn, goaway)
        made = len(event.data) if isinstance(event, ResponseData) else 0
        if made:
            _join(self.h2_conn, event.stream_id)
        if made or self._backlog.held:
            self._backlog.now(_held(self.h2_conn), made)
        if isinstance(event, events.DataReceived):
            self._head()

    def _head(self) -> None:
        """Note since when a head is on its way in pieces: of a frame, or of frames."""
        waiting = self.h2_conn.incoming_buffer
        part = bytes(waiting._data[: _TYPE_AT + 1])
        if waiting._headers_buffer or (part and (len(part) <= _TYPE_AT or part[_TYPE_AT] != _DATA)):
            self._bounds.head_since = self._bounds.head_since or time.monotonic()
        else:
            self._bounds.head_since = 0.0

    def handle_h2_event(self, event: Any) -> layer.CommandGenerator[bool]:
        """As mitmproxy's; a client that breaks a bound is told of."""
        if self._parting.too_late(event):
            if isinstance(event, h2.events.DataReceived):  # others share the window
                self.h2_conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            return False
        link = link_of(self.context.client)
        if isinstance(event, h2.exceptions.TooManyStreamsError):
            give_up(self.context.client, "streams over the limit")
        elif isinstance(event, h2.exceptions.DenialOfServiceError):
            give_up(self.context.client, "request head over the limit")
        elif isinstance(event, h2.exceptions.ProtocolError) and not self._breaks_off(event):
            link.broken = "malformed HTTP/2"
        elif isinstance(event, h2.events.StreamReset) and self._too_many_resets():
            give_up(self.context.client, "streams reset over the limit")
            yield from self.protocol_error("enhance your calm", int(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM))
            return True
        return (yield from super().handle_h2_event(event))

    def _breaks_off(self, event: Any) -> bool:
        """Whether a client ended a body short of what its head said, of a request with a record of its own. curl does
        where the answer comes before the body was sent. A head that came with such an end was heard by nobody."""
        heard = all(number in self.streams for number, stream in self.h2_conn.streams.items() if not stream.closed)
        return heard and isinstance(event, h2.exceptions.InvalidBodyLengthError)

    def _too_many_resets(self) -> bool:
        bounds, now = self._bounds, time.monotonic()
        if now - bounds.resets_since > RESETS_S:
            bounds.resets, bounds.resets_since = 0, now
        bounds.resets += 1
        return bounds.resets > 2 * bounds.limits.streams_max + _RESETS_MORE


class WeirHttp2Client(Http2Client):
    """The upstream's side."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.h2_conn.encoder = _Encoder()
        bounds = link_of(context.client).bounds
        self._backlogs = bounds.backlogs
        self._backlog = self._backlogs[context.server] = Backlog(bounds.limits.unread_bytes_max)

    def _handle_event(self, event: Any) -> layer.CommandGenerator[None]:
        made = len(event.data) if isinstance(event, RequestData) else 0
        yield from super()._handle_event(event)
        if made:
            _join(self.h2_conn, event.stream_id)  # by now it is the upstream's number
        if made or self._backlog.held:
            self._backlog.now(_held(self.h2_conn) + (self._in_line(event) if self.stream_queue else 0), made)
        if isinstance(event, events.ConnectionClosed):
            self._backlog.end()
            self._backlogs.pop(self.conn, None)

    def _in_line(self, event: Any) -> int:
        """Bytes of streams that the upstream lets begin later; ``event`` may be the last of them, see `_join`."""
        line: list[Any] = self.stream_queue.get(getattr(event, "stream_id", 0), [])
        last = [len(one.data) for one in line[-2:] if isinstance(one, RequestData)]
        if len(last) == 2 and line[-1] is event and sum(last) <= _PIECE_BYTES_MAX:
            line.pop()
            line[-1].data += event.data
        waiting: Iterable[list[Any]] = self.stream_queue.values()
        return sum(len(one.data) for line in waiting for one in line if isinstance(one, RequestData))


def _next_frame(buffer: FrameBuffer) -> Frame:
    """h2 looks at how long a frame may be when it has all of it, up to 16 MiB; here that is seen in its head."""
    data = buffer._data
    if len(data) >= _HEAD_BYTES:
        buffer._validate_frame_length(int.from_bytes(data[:_TYPE_AT], "big"))
    return _stock_next(buffer)


_stock_next = FrameBuffer.__next__


def install() -> None:
    """Make mitmproxy speak HTTP/2 by these classes. Idempotent; tests pin the lookups it relies on."""
    FrameBuffer.__next__ = _next_frame  # type: ignore[assignment, method-assign]
    http_layers.Http2Server = WeirHttp2Server  # type: ignore[misc]
    http_layers.Http2Client = WeirHttp2Client  # type: ignore[misc]
