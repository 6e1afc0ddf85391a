"""mitmproxy's HTTP/1 server side, with a bound on a request's head and a trace of heads that never became a request."""

from __future__ import annotations

from typing import Any

import h11
import mitmproxy.proxy.layers.http as http_layers
import mitmproxy.proxy.layers.http._http1 as http1_layers
from h11._readers import ChunkedReader
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import ErrorCode, ReceiveHttp, ResponseProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server, make_error_response

from weir.edge.trace import link_of

__all__ = ["HEAD_BYTES_MAX", "TrailerlessReader", "WeirHttp1Client", "WeirHttp1Server", "install"]

HEAD_BYTES_MAX = 256 * 1024  # mitmproxy keeps reading for as long as the line doesn't end


class WeirHttp1Server(Http1Server):
    """What can't be read as a request makes no flow and fires no hook: the connection's last record tells of it."""

    def read_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's; see the class."""
        link = link_of(self.context.client)
        if isinstance(event, events.ConnectionClosed) and bytes(self.buf).strip():
            link.broken = "client left in the middle of a request's head"
        yield from super().read_headers(event)
        if self.state == self.done and self.request is None:
            link.broken = "malformed request"
        elif self.state == self.read_headers and len(self.buf) > HEAD_BYTES_MAX:
            link.broken = "request head over the limit"
            yield commands.SendData(self.conn, make_error_response(431, "The head of this request is too long."))
            yield commands.CloseConnection(self.conn)
            self.state = self.done


class WeirHttp1Client(Http1Client):
    """mitmproxy keeps reading a reply's head for as long as it doesn't end."""

    def read_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's, up to the limit."""
        yield from super().read_headers(event)
        if self.state == self.read_headers and len(self.buf) > HEAD_BYTES_MAX and self.stream_id is not None:
            yield commands.CloseConnection(self.conn)
            failure = ResponseProtocolError(self.stream_id, "reply head over the limit", ErrorCode.GENERIC_SERVER_ERROR)
            yield ReceiveHttp(failure)
            self.state = self.done


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
