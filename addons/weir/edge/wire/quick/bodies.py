"""Bodies of HTTP/1 messages whose length is known, without an object of h11's for each piece and for the end."""

from __future__ import annotations

from typing import Any

from h11._readers import ContentLengthReader
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Connection, Http1Server

__all__ = ["install"]

_stock_read_body = Http1Connection.read_body


def _read_body(self: Any, event: events.Event) -> layer.CommandGenerator[None]:
    """As mitmproxy's; other bodies, and the end of the connection within one, are left to it."""
    reader = self.body_reader
    if type(reader) is not ContentLengthReader or type(event) is not events.DataReceived:
        yield from _stock_read_body(self, event)
        return
    assert self.stream_id is not None
    while reader._remaining:
        data = self.buf.maybe_extract_at_most(reader._remaining)
        if data is None:
            return
        reader._remaining -= len(data)
        yield ReceiveHttp(self.ReceiveData(self.stream_id, bytes(data)))
    if self.request.data.method.upper() != b"CONNECT":
        yield ReceiveHttp(self.ReceiveEndOfMessage(self.stream_id))
    is_request = isinstance(self, Http1Server)
    yield from self.mark_done(request=is_request, response=not is_request)


def install() -> None:
    """Put it in the place of mitmproxy's. Idempotent."""
    Http1Connection.read_body = _read_body  # type: ignore[method-assign]
