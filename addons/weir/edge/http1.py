"""mitmproxy's HTTP/1 server side, with a bound on a request's head and a trace of heads that never became a request."""

from __future__ import annotations

from typing import Any

import mitmproxy.proxy.layers.http as http_layers
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http._http1 import Http1Server, make_error_response

from weir.edge.trace import link_of

__all__ = ["HEAD_BYTES_MAX", "WeirHttp1Server", "install"]

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


def install() -> None:
    """Make mitmproxy read HTTP/1 requests by `WeirHttp1Server`. Idempotent; a test pins the lookup it relies on."""
    http_layers.Http1Server = WeirHttp1Server  # type: ignore[misc]
