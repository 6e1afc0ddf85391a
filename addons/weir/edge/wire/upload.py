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
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
    SendHttp,
)

from weir.edge.discovery import suspected
from weir.edge.trace import trace_of

__all__ = ["DISCARD_FACTOR", "Upload"]

_STALE = (ResponseHeaders, ResponseData, ResponseEndOfMessage, ResponseTrailers, ResponseProtocolError)
_BEGUN_BYTES = 64 * 1024
DISCARD_FACTOR = 4  # a refused upload is read up to this many limits, so that its client gets a clean answer


def _ended(event: Any) -> layer.CommandGenerator[None]:
    """The state of a stream that is over: a plain function, where a method would hold the stream."""
    raise AssertionError(f"a stream that is over got {type(event).__name__}")


class Upload(http_layers.HttpStream):
    """Buffers a request up to the limit; over it the chain decides by the headers: refused, or passed on unread."""

    def state_wait_for_request_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but what its headers were enough to refuse is answered before its body is read."""
        yield from super().state_wait_for_request_headers(event)
        trace = trace_of(self.flow)
        if trace is not None and self.client_state == self.state_consume_request_body and not event.end_stream:
            trace.link.bounds.receiving[id(self)] = self
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
        if trace := trace_of(self.flow):
            trace.link.bounds.receiving.pop(id(self), None)
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

    def flow_done(self) -> layer.CommandGenerator[None]:
        """As mitmproxy's; then the stream lets go of itself, and all that the exchange held is free at once.

        Otherwise it waits for the collector, which takes 0.1 ms a request and stops everybody for as long as it walks.
        """
        if self.flow.response is not None and self.flow.response.status_code != 101:
            self.forget_stale()  # else the client's next exchange is told of it
        yield from super().flow_done()
        if self.child_layer is None and not self._paused_event_queue:  # dropped, so nothing more can come to it
            self.client_state = self.server_state = _ended
            self.context.layers = []

    given_up = False  # the upstream side was abandoned, and no other has taken its place

    def forget_stale(self) -> None:
        """Drop what an upstream has said and nobody has heard yet: it is done with, or was given up."""
        for event in [e for e in self._paused_event_queue if isinstance(e, _STALE)]:
            self._paused_event_queue.remove(event)

    def state_done(self, event: Any) -> layer.CommandGenerator[None]:
        """Nothing comes now, but what an upstream had in hand when it was given up: its packet is read to the end."""
        if not (self.given_up and isinstance(event, _STALE)):
            raise AssertionError(f"a side that is over got {type(event).__name__}")
        yield from ()

    def received(self) -> int:
        """Bytes of the request's body so far; -1 when no more is waited for."""
        if self.client_state == self.state_discard_request_body:
            return self._discarded
        return len(self.request_body_buf) if self.client_state == self.state_consume_request_body else -1

    def since(self) -> float:
        """When the request began, monotonic seconds."""
        trace = trace_of(self.flow)
        return trace.started_ns / 1e9 if trace else 0.0

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
