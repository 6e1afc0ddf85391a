"""weir's `HttpStream`: an own async hook per reply chunk, real aborts, and a body limit that is a decision.

mitmproxy looks `HttpStream` up in its module when a stream is made, so `install()` replaces it there. What stock
mitmproxy does at these points, and why that is not enough, is in docs/decisions/0003-http-stream.md.
"""

from __future__ import annotations

import time
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
from mitmproxy import flow as mitm_flow
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    HttpErrorHook,
    HttpResponseHeadersHook,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
    SendHttp,
)

from weir.edge.answer import gateway_error
from weir.edge.bounds import destinations
from weir.edge.guard import CONNECT_REFUSED, fail, refuse
from weir.edge.keys.echoes import hide_in
from weir.edge.passing import heavy, keep_up
from weir.edge.trace import link_of, trace_of
from weir.edge.wire import http1 as weir_http1
from weir.edge.wire.chunk import ChunkData, ResponseChunkHook
from weir.edge.wire.sink import Sink
from weir.edge.wire.upload import Upload
from weir.edge.wire.wellformed import malformed_reply
from weir.model import Inspection

__all__ = ["WeirStream", "install"]


class WeirStream(Upload):
    """See the module's docstring."""

    def make_server_connection(self) -> layer.CommandGenerator[bool]:
        """As mitmproxy's, but a connection that weir itself refused is a 503 of ours, not a gateway error."""
        trace = trace_of(self.flow)
        if trace:
            trace.forwarded_ns = trace.forwarded_ns or time.monotonic_ns()
        link = link_of(self.context.client)
        request = self.flow.request
        request.headers.pop("proxy-authorization", None)  # meant for us, even if the hook that takes it off failed
        destinations.wanted(trace, self.flow)
        server, error = yield http_layers.GetHttpConnection(
            (request.host, request.port),
            request.scheme == "https",
            self.flow.server_conn.via,
            self.flow.server_conn.transport_protocol,
        )
        if trace and link.failed:  # while this connection was opened: after `requestheaders` looked
            trace.fail(link.failed)
            trace.failed_open = not (link.condemned or error)
        if destinations.refused(trace, self.flow, server, error):
            yield from self._answer()
            return False
        if not error and not link.condemned:
            self.context.server = self.flow.server_conn = server
            self.given_up = False
            self._frame_for_http1_upstream()
            return True
        if link.condemned or CONNECT_REFUSED in (error or ""):
            refuse(self.flow, 503, "weir could not open this connection, so nothing was forwarded.")
            yield from self._answer()
            return False
        failure = ResponseProtocolError(self.stream_id, error, ErrorCode.CONNECT_FAILED)
        yield from self.handle_protocol_error(failure)
        return False

    def _frame_for_http1_upstream(self) -> None:
        """HTTP/2 needs no length; an HTTP/1 server that is told none takes the body for the next request."""
        request, headers = self.flow.request, self.flow.request.headers
        if self.flow.server_conn.alpn == b"h2" or {"content-length", "transfer-encoding"} & {
            k.lower() for k in headers
        }:
            return
        if request.raw_content:
            headers["content-length"] = str(len(request.raw_content))
        elif self.client_state == self.state_forward_request_body:
            headers["transfer-encoding"] = "chunked"

    # -- response --------------------------------------------------------------------------------------------------

    def state_wait_for_response_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """Every reply is streamed; a failure while its headers were looked at replaces it whole."""
        unwanted = event.response.status_code == 101 and not self._may_switch()
        if why := "unwanted upgrade" if unwanted else malformed_reply(event.response):
            yield from self.abandon()
            failure = ResponseProtocolError(self.stream_id, why, ErrorCode.GENERIC_SERVER_ERROR)
            yield from self.handle_protocol_error(failure)
            return
        if event.response.status_code == 101:
            yield from super().state_wait_for_response_headers(event)
            return
        self.flow.response = event.response
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        trace = trace_of(self.flow)
        if trace and trace.abort:
            yield from self.abandon()
            refuse(self.flow, 503, "weir could not inspect the reply, so it was not passed on.")
            yield from self.send_response()
        elif trace and trace.look and trace.look.refused:
            yield from self.abandon()
            yield from self.send_response()
        elif event.end_stream:
            self.server_state = self.state_stream_response_body
            self._headers_pending = True
        elif trace and trace.look and trace.look.holds:
            self.server_state = self.state_stream_response_body
            self._held = True
        else:
            self._frame_for_http1()
            yield from self.start_response_stream()

    def _may_switch(self) -> bool:
        """Whether the server may change the protocol: only when asked to, and never to something we can't read."""
        trace = trace_of(self.flow)
        if "upgrade" not in self.flow.request.headers:
            return False
        asked = self.flow.request.headers["upgrade"].strip().lower()
        if trace and trace.exchange and asked == "websocket" and trace.inspection is Inspection.INSPECTED:
            return True  # its messages will be looked at
        return trace is None or not (trace.is_ai and trace.enforcing and trace.on_failure == "block")

    def handle_protocol_error(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but a client that still waits for an answer gets ours, in words that quote nobody."""
        if self.given_up and self.server_state == self.state_done and isinstance(event, ResponseProtocolError):
            return  # the client has our answer
        waits = isinstance(event, ResponseProtocolError) and self.client_state == self.state_done
        if not waits or self.flow.response is not None or self.server_state in (self.state_done, self.state_errored):
            yield from super().handle_protocol_error(event)
            return
        self.flow.error = mitm_flow.Error(event.message)
        gateway_error(self.flow)
        yield HttpErrorHook(self.flow)
        if (yield from self.check_killed(False)):
            return
        response = self.flow.response
        assert response is not None
        self.server_state = self.state_done
        yield SendHttp(ResponseHeaders(self.stream_id, response, False), self.context.client)
        yield SendHttp(ResponseData(self.stream_id, response.raw_content or b""), self.context.client)
        yield from self.flow_done()

    _headers_pending = False
    _held = False  # the reply begins when some of it has been read

    def _frame_for_http1(self) -> None:
        """An HTTP/1 client needs a length, chunks, or the end of its connection: give it chunks."""
        response, request = self.flow.response, self.flow.request
        assert response
        if self.context.client.alpn in (b"h2", b"h3") or request.http_version != "HTTP/1.1":
            return
        bodiless = request.method == "HEAD" or response.status_code in (204, 304)
        if not bodiless and not {"content-length", "transfer-encoding"} & {k.lower() for k in response.headers}:
            response = self.flow.response = response.copy()  # the original tells how the upstream side ends
            response.headers["transfer-encoding"] = "chunked"

    def state_stream_response_body(self, event: Any) -> layer.CommandGenerator[None]:
        """Pass chunks on, through `response_chunk` where the reply is read."""
        trace = trace_of(self.flow)
        if isinstance(event, ResponseData):
            if trace is None:
                yield SendHttp(event, self.context.client)
                return
            if not trace.first_byte_ns:
                trace.first_byte_ns = time.monotonic_ns()
            trace.resp_bytes += len(event.data)
            if trace.pipe is None:
                yield SendHttp(event, self.context.client)
                return
            yield from self._through_hook(ChunkData(self.flow, event.data))
        elif isinstance(event, ResponseTrailers):
            if self.context.client.alpn in (b"h2", b"h3"):  # trailers to an HTTP/1 client crash mitmproxy
                assert self.flow.response
                if trace is not None:
                    hide_in(trace, event.trailers)
                self.flow.response.trailers = event.trailers
        elif isinstance(event, ResponseEndOfMessage):
            reads = trace is not None and trace.pipe is not None and not self._headers_pending
            if reads and not (yield from self._through_hook(ChunkData(self.flow, b"", True))):
                return
            yield from self.send_response(already_streamed=not self._headers_pending)

    def _through_hook(self, data: ChunkData) -> layer.CommandGenerator[bool]:
        """Run the hook for one chunk. False when the reply is over because of it.

        A reply that is only read needs no hook: nobody may hold its chunks back, and a hook costs 0.1 ms.
        """
        trace = trace_of(self.flow)
        if trace is None or trace.pipe is None or trace.pipe.decides:
            yield ResponseChunkHook(data)
        elif heavy(trace, data):
            if data.chunk:
                yield SendHttp(ResponseData(self.stream_id, data.chunk), self.context.client)
            yield ResponseChunkHook(data)
            data.out = []  # it has gone already
        else:
            try:
                data.out = trace.pipe.close() if data.end else trace.pipe.feed(data.chunk)
                keep_up(trace.state, trace, self.flow)
            except Exception as error:  # noqa: BLE001  as in @guarded
                fail(data, "providers.response_chunk", error, trace.state)
        return (yield from (self._still_held(data) if self._held else self._on(data)))

    def _still_held(self, data: ChunkData) -> layer.CommandGenerator[bool]:
        """A chunk of a reply whose head waits: it begins now, is replaced by an answer of ours, or goes on waiting."""
        trace = trace_of(self.flow)
        response = self.flow.response
        assert trace and trace.look and response
        if data.abort:
            refuse(self.flow, 503, "weir could not inspect the reply, so it was not passed on.")
        elif not trace.look.refused and data.end:
            response.raw_content = b"".join(data.out)
            response.headers.pop("transfer-encoding", None)
            response.headers["content-length"] = str(len(response.raw_content))
            yield from self.send_response()
            return False
        elif not trace.look.refused:
            if data.out:
                self._held = False
                self._frame_for_http1()
                yield from self.start_response_stream()
                return (yield from self._on(data))
            return True
        if not data.end:
            yield from self.abandon()
        yield from self.send_response()
        return False

    def _on(self, data: ChunkData) -> layer.CommandGenerator[bool]:
        """Carry out what is to become of a chunk."""
        if data.abort:
            yield from self._cut(data.abort, data.out)
            return False
        for chunk in data.out:
            if chunk:
                yield SendHttp(ResponseData(self.stream_id, chunk), self.context.client)
        if data.finish:
            if not data.end:
                yield from self.abandon()
            yield from self.send_response(already_streamed=True)
            return False
        return True

    def _cut(self, reason: str, last_words: list[bytes]) -> layer.CommandGenerator[None]:
        for chunk in last_words:
            if chunk:
                yield SendHttp(ResponseData(self.stream_id, chunk), self.context.client)
        if trace := trace_of(self.flow):
            trace.abort = trace.abort or reason
        self.flow.error = mitm_flow.Error(reason)
        yield HttpErrorHook(self.flow)
        yield from self.abandon()
        yield SendHttp(ResponseProtocolError(self.stream_id, "cut by weir", ErrorCode.KILL), self.context.client)
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        yield http_layers.DropStream(self.stream_id)

    def abandon(self) -> layer.CommandGenerator[None]:
        """Give up the upstream side of this exchange: cancel the h2 stream, or close the h1 connection."""
        server = self.flow.server_conn
        parent = self.context.layers[self.context.layers.index(self) - 1]
        assert isinstance(parent, http_layers.HttpLayer)
        if server.alpn == b"h2":
            yield SendHttp(RequestProtocolError(self.stream_id, "abandoned", ErrorCode.CANCEL), server)
        elif server in parent.connections:
            parent.connections[server] = Sink(self.context.fork())
            yield commands.CloseConnection(server)
        self.given_up = True  # what it still has in hand comes later
        self.forget_stale()


def install() -> None:
    """Make mitmproxy build `WeirStream`s. Idempotent; the contract test pins the lookup it relies on."""
    http_layers.HttpStream = WeirStream  # type: ignore[misc]
    weir_http1.install()
