"""An exchange that may go to another place, as long as nothing of a reply has gone to its client.

mitmproxy knows one server a request. Here the request, which is held whole, is sent again: the connection that failed
is given up, and the stream waits anew. Which place is next is decided by the chain (`attempt_failed`); streams without
a `Route` are `WeirStream`s and nothing more.
"""

from __future__ import annotations

from typing import Any

import mitmproxy.proxy.layers.http as http_layers
from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._http2 import Http2Client

from weir.edge.routing import Route, departs, settle
from weir.edge.trace import trace_of
from weir.edge.wire.attempt import TIMED_OUT, Attempt, AttemptFailedHook, Deadline, HeadTimeout
from weir.edge.wire.stream import WeirStream
from weir.routing.choice import cause_of_status

__all__ = ["FailoverStream", "install"]

_NOBODY = -1  # a stream id that no client has


class FailoverStream(WeirStream):
    """See the module's docstring."""

    _deadline: Deadline | None = None
    _elsewhere = False  # a connect failed, and the request says another place now

    def _route(self) -> Route | None:
        trace = trace_of(self.flow)
        route = trace.route if trace is not None else None
        return None if route is None or route.over else route

    def make_server_connection(self) -> layer.CommandGenerator[bool]:
        """As `WeirStream`'s, again for each place that is left."""
        route = self._route()
        if route is None:
            return (yield from super().make_server_connection())
        while True:
            yield from self._set_deadline(route)
            if (yield from super().make_server_connection()):
                if (trace := trace_of(self.flow)) is not None:
                    departs(trace)
                return True
            self._call_off()
            if not self._elsewhere:
                return False
            self._elsewhere = False

    def state_wait_for_response_headers(self, event: Any) -> layer.CommandGenerator[None]:
        """A reply that says that the place failed is given up for another's, where there is one."""
        route = self._route()
        if route is not None:
            self._call_off()
            trace, status = trace_of(self.flow), event.response.status_code
            assert trace is not None
            if cause := cause_of_status(status):
                if (yield from self._another(cause, event.response)):
                    return
                route.over = True
            else:
                settle(trace.state, trace, self.flow, status)
        yield from super().state_wait_for_response_headers(event)

    def handle_protocol_error(self, event: Any) -> layer.CommandGenerator[None]:
        """A connection that failed before a reply began is no error of the exchange while there is another place."""
        waits = (
            isinstance(event, ResponseProtocolError)
            and self.client_state == self.state_done
            and self.server_state == self.state_wait_for_response_headers
            and self.flow.response is None
        )
        if self._deadline is None or not waits or self._route() is None:
            self._call_off()
            if not isinstance(event, HeadTimeout):
                yield from super().handle_protocol_error(event)
            return
        connecting, slow = event.code is ErrorCode.CONNECT_FAILED, isinstance(event, HeadTimeout)
        cause = "timeout" if event.message == TIMED_OUT else "connect" if connecting else "reset"
        if not slow:
            self._call_off()
        if (yield from self._another(cause, None, connecting=connecting, waits=slow)) or slow:
            return  # without another place the one that takes its time is waited for
        yield from super().handle_protocol_error(event)

    # -- another attempt -------------------------------------------------------------------------------------------

    def _another(
        self, cause: str, response: http.Response | None, *, connecting: bool = False, waits: bool = False
    ) -> layer.CommandGenerator[bool]:
        """Ask the chain for another place and go there. False: there is none, the failure is for the client."""
        attempt = Attempt(self.flow, cause, response, connecting=connecting, waits=waits)
        yield AttemptFailedHook(attempt)
        if any(isinstance(waiting, RequestProtocolError) for waiting in self._paused_event_queue):
            return False  # its client has gone
        if self.flow.response is not None:  # weir refuses: the hook failed, or the other key can't be had
            self._call_off()
            yield from self._give_up(connecting=connecting)
            yield from self.send_response()
            return True
        if not attempt.again:
            return False
        self._call_off()
        if connecting:
            self._elsewhere = True  # whoever wanted the connection asks for the next one
            return True
        yield from self._give_up()
        if (yield from self.make_server_connection()):
            yield from self._send_request()
        return True

    def _send_request(self) -> layer.CommandGenerator[None]:
        request, server = self.flow.request, self.context.server
        content = request.raw_content
        yield SendHttp(RequestHeaders(self.stream_id, request, not content), server)
        if content:
            yield SendHttp(RequestData(self.stream_id, content), server)
        yield SendHttp(RequestEndOfMessage(self.stream_id), server)

    def _give_up(self, *, connecting: bool = False) -> layer.CommandGenerator[None]:
        """Have nothing more to do with the connection of the last attempt; of an HTTP/2 one others go on."""
        if connecting:
            return
        client = self._http2_client() if self.flow.server_conn.alpn == b"h2" else None
        if client is not None and client.stream_queue.pop(self.stream_id, None) is not None:
            return  # it was never sent
        yield from self.abandon()
        if client is None:
            return
        ours = client.our_stream_id.pop(self.stream_id, None)
        if ours is not None:  # the next attempt may use this connection: it is another stream there
            client.streams.pop(ours, None)
            client.their_stream_id[ours] = _NOBODY

    def _http2_client(self) -> Http2Client | None:
        found: Any = self._parent().connections.get(self.flow.server_conn)
        while found is not None and not isinstance(found, Http2Client):
            found = getattr(found, "child_layer", None)
        return found

    def _parent(self) -> http_layers.HttpLayer:
        parent = self.context.layers[self.context.layers.index(self) - 1]
        assert isinstance(parent, http_layers.HttpLayer)
        return parent

    # -- the time of one attempt -----------------------------------------------------------------------------------

    def _set_deadline(self, route: Route) -> layer.CommandGenerator[None]:
        self._deadline = Deadline(route.section.timeout_ms / 1000)
        self.handle_event = self._in_time  # type: ignore[method-assign]  # costs other streams nothing
        yield self._deadline

    def _call_off(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is None:
            return
        if deadline.timer is not None:  # else it comes when its time is over, and `_in_time` lets it pass
            self.__dict__.pop("handle_event", None)
            deadline.timer.cancel()
            for one in self.context.layers:  # each of them waits for it, and would for as long as its connection lasts
                if isinstance(one, http_layers.HttpLayer):
                    one.command_sources.pop(deadline, None)

    def _in_time(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As `handle_event`, with the deadline among the events."""
        if isinstance(event, events.Wakeup):
            if event.command is not self._deadline:
                return
            late = self._late()
            if late is None:
                return
            event = late
        yield from type(self).handle_event(self, event)

    def _late(self) -> events.Event | None:
        if self._paused is None:
            return HeadTimeout(self.stream_id)
        waits, parent = self._paused.command, self._parent()
        if not isinstance(waits, GetHttpConnection) or parent.command_sources.pop(waits, None) is None:
            return None  # a hook is at it
        for others in parent.waiting_for_establishment.values():
            others[:] = [one for one in others if one is not waits]
        return GetHttpConnectionCompleted(waits, (None, TIMED_OUT))


def install() -> None:
    """Make mitmproxy build `FailoverStream`s. Idempotent; comes after `stream.install`."""
    http_layers.HttpStream = FailoverStream  # type: ignore[misc]
