"""mitmproxy's HTTP/1 server side, with a bound on a request's head and a trace of heads that never became a request."""

from __future__ import annotations

import re
import time
from typing import Any

import h11
import mitmproxy.proxy.layers.http as http_layers
import mitmproxy.proxy.layers.http._http1 as http1_layers
from h11._readers import ChunkedReader
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import ErrorCode, ReceiveHttp, RequestProtocolError, ResponseProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server, make_error_response

from weir.edge.bounds import http2
from weir.edge.bounds.ending import give_up
from weir.edge.trace import link_of

__all__ = ["TrailerlessReader", "WeirHttp1Client", "WeirHttp1Server", "install"]

INTERIM_MAX = 32  # interim heads of one reply
_INTERIM = re.compile(rb"HTTP/1\.1 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")


class WeirHttp1Server(Http1Server):
    """What can't be read as a request makes no flow and fires no hook: the connection's last record tells of it."""

    def read_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's; see the class."""
        link = link_of(self.context.client)
        if isinstance(event, events.ConnectionClosed) and bytes(self.buf).strip():
            link.broken = "client left in the middle of a request's head"
        yield from super().read_headers(event)
        bounds = link.bounds
        bounds.head_since = 0.0
        if self.state == self.done and self.request is None:
            link.broken = "malformed request"
        elif self.state == self.read_headers and len(self.buf):
            bounds.head_since = self._head_since = self._head_since or time.monotonic()
            if len(self.buf) > bounds.limits.head_bytes_max:
                give_up(self.context.client, "request head over the limit")
                yield commands.SendData(self.conn, make_error_response(431, "The head of this request is too long."))
                yield commands.CloseConnection(self.conn)
                self.state = self.done
            return
        self._head_since = 0.0

    _head_since = 0.0

    def read_body(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's; the line that says how long a chunk is has a bound too."""
        yield from super().read_body(event)
        if self.state == self.read_body and len(self.buf) > link_of(self.context.client).bounds.limits.head_bytes_max:
            yield from self._too_much("chunk head over the limit")

    def wait(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's; what comes before its turn is kept, and has a bound."""
        yield from super().wait(event)
        if len(self.buf) > link_of(self.context.client).bounds.limits.unread_bytes_max:
            yield from self._too_much("requests ahead of their turn over the limit")

    def _too_much(self, why: str) -> layer.CommandGenerator[None]:
        give_up(self.context.client, why)
        self.buf.maybe_extract_at_most(len(self.buf))
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        yield ReceiveHttp(RequestProtocolError(self.stream_id, why, ErrorCode.GENERIC_CLIENT_ERROR))


class WeirHttp1Client(Http1Client):
    """mitmproxy keeps reading a reply's head for as long as it doesn't end, and takes an interim one for the reply."""

    _interim = 0

    def read_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's, up to the limit."""
        if self.request is not None and self.buf._data.startswith(b"HTTP/1.1 1"):
            self._pass_by()
            if self._interim > INTERIM_MAX and self.stream_id is not None:
                yield from self._fail("interim replies without end")
                return
            if not self.buf and isinstance(event, events.DataReceived):
                return  # the reply is still to come
        yield from super().read_headers(event)
        if self.state != self.read_headers or self.request is None:
            self._interim = 0  # the reply has begun, or is over already
        most = link_of(self.context.client).bounds.limits.head_bytes_max
        if self.state == self.read_headers and len(self.buf) > most and self.stream_id is not None:
            yield from self._fail("reply head over the limit")

    def _pass_by(self) -> None:
        """Take interim heads (100, 103) out; who asks weir for `100-continue` is answered by weir."""
        while (found := _INTERIM.match(self.buf._data)) and self._interim <= INTERIM_MAX:
            self.buf.maybe_extract_at_most(found.end())
            self._interim += 1

    def _fail(self, why: str) -> layer.CommandGenerator[None]:
        assert self.stream_id is not None
        self.buf.maybe_extract_at_most(len(self.buf))
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        yield ReceiveHttp(ResponseProtocolError(self.stream_id, why, ErrorCode.GENERIC_SERVER_ERROR))


class TrailerlessReader(ChunkedReader):
    """Drops the trailers of a chunked body. mitmproxy can't carry them over HTTP/1: it crashes and the client hangs."""

    def __call__(self, buffer: Any) -> Any:
        event = super().__call__(buffer)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) and event.headers else event


def _body_reader(expected_size: int | None) -> Any:
    return TrailerlessReader() if expected_size is None else _stock_body_reader(expected_size)


_stock_body_reader = http1_layers.make_body_reader


def install() -> None:
    """Make mitmproxy speak HTTP/1 by these classes. Idempotent; tests pin the lookups it relies on."""
    http_layers.Http1Server = WeirHttp1Server  # type: ignore[misc]
    http_layers.Http1Client = WeirHttp1Client  # type: ignore[misc]
    http1_layers.make_body_reader = _body_reader
    http2.install()
