"""The request side of weir's `HttpStream`: a body limit that is a decision of the chain, not of the HTTP stack."""

from __future__ import annotations

import time
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
from mitmproxy import flow as mitm_flow
from mitmproxy.net.http import http1
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    HttpErrorHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseProtocolError,
    SendHttp,
)

from weir.edge.discovery import suspected
from weir.edge.trace import trace_of

__all__ = ["DISCARD_FACTOR", "Upload"]

_BEGUN_BYTES = 64 * 1024
DISCARD_FACTOR = 4  # a refused upload is read up to this many limits, so that its client gets a clean answer


class Upload(http_layers.HttpStream):
    """Buffers a request up to the limit; over it the chain decides by the headers: refused, or passed on unread."""

    def state_wait_for_request_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but what its headers were enough to refuse is answered before its body is read."""
        yield from super().state_wait_for_request_headers(event)
        trace = trace_of(self.flow)
        if trace is None or not trace.early or event.end_stream or self.client_state != self.state_consume_request_body:
            return
        self.flow.request.data.content = None
        yield HttpRequestHook(self.flow)  # its record
        if (yield from self.check_killed(True)):
            return
        self._discarded, self._discard_max = 0, DISCARD_FACTOR * trace.snapshot.body_limit(True)
        self.client_state = self.state_discard_request_body
        yield from self._answer()

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
        """Limits are ours (see `state_consume_request_body`): mitmproxy's would refuse before any hook has run."""
        yield from ()
        return False

    def _over_limit(self) -> bool:
        trace = trace_of(self.flow)
        if trace is None:
            return False
        limit = 0 if trace.unread else trace.snapshot.body_limit(trace.is_ai or bool(trace.suspected))
        if not limit or trace.is_ai or trace.suspected is not None:
            return self._is_over(limit)
        if not self._is_over(limit) or len(self.request_body_buf) < min(limit, _BEGUN_BYTES):
            return False
        # Too long for anybody's traffic, so it would pass unread: has it the looks of a request to a model?
        trace.suspected = suspected(trace, self.flow, bytes(self.request_body_buf)[:_BEGUN_BYTES])
        return self._is_over(trace.snapshot.body_limit(bool(trace.suspected)))

    def _is_over(self, limit: int) -> bool:
        if len(self.request_body_buf) > limit:
            return True
        try:
            expected = http1.expected_http_body_size(self.flow.request, None)
        except ValueError:
            return False
        return expected is not None and expected > limit

    def state_consume_request_body(self, event: Any) -> layer.CommandGenerator[None]:
        """Buffer the request up to the limit, then let the chain decide what an oversize body gets."""
        if isinstance(event, RequestData):
            self.request_body_buf += event.data
            if self._over_limit():
                yield from self._oversize()
            return
        if isinstance(event, RequestTrailers):
            return  # dropped: nobody looks at them, and HTTP/1 upstreams can't be sent any
        yield from super().state_consume_request_body(event)

    def _oversize(self) -> layer.CommandGenerator[None]:
        trace = trace_of(self.flow)
        assert trace is not None
        trace.oversize = True
        self.flow.request.data.content = None
        yield HttpRequestHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        if self.flow.response:
            self._discarded = len(self.request_body_buf)
            self._discard_max = DISCARD_FACTOR * trace.snapshot.body_limit(True)
            self.request_body_buf.clear()
            self.client_state = self.state_discard_request_body
            return
        self.client_state = self.state_forward_request_body
        if not (yield from self.make_server_connection()):
            return
        yield SendHttp(RequestHeaders(self.stream_id, self.flow.request, False), self.context.server)
        body = bytes(self.request_body_buf)
        self.request_body_buf.clear()
        trace.req_bytes += len(body)
        yield SendHttp(RequestData(self.stream_id, body), self.context.server)

    def state_forward_request_body(self, event: Any) -> layer.CommandGenerator[None]:
        """The rest of a body that policy lets pass unread: straight through, counted."""
        if isinstance(event, RequestData):
            if trace := trace_of(self.flow):
                trace.req_bytes += len(event.data)
            yield SendHttp(event, self.context.server)
        elif isinstance(event, RequestEndOfMessage):
            self.flow.request.timestamp_end = time.time()
            self.client_state = self.state_done
            yield SendHttp(event, self.context.server)
            if self.server_state == self.state_done:
                yield from self.flow_done()

    def state_discard_request_body(self, event: Any) -> layer.CommandGenerator[None]:
        """The rest of a refused body: read and dropped, so that the client reads our answer and not a reset."""
        if isinstance(event, RequestData):
            self._discarded += len(event.data)
            if self._discarded > self._discard_max:
                yield from self._reject("request body over the limit", ErrorCode.REQUEST_TOO_LARGE)
        elif isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            if self.server_state == self.state_done:  # answered already
                yield from self.flow_done()
            else:
                yield from self._answer()

    def _answer(self) -> layer.CommandGenerator[None]:
        """Send the response that an addon has set."""
        assert self.flow.response
        self.flow.response.timestamp_start = time.time()
        yield HttpResponseHeadersHook(self.flow)
        if not (yield from self.check_killed(True)):
            yield from self.send_response()

    def _reject(self, reason: str, code: ErrorCode) -> layer.CommandGenerator[None]:
        self.flow.error = mitm_flow.Error(reason)
        yield HttpErrorHook(self.flow)
        yield SendHttp(ResponseProtocolError(self.stream_id, reason, code), self.context.client)
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
