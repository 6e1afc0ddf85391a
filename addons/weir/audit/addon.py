"""audit in the chain, last: nothing is forwarded before its record stands, nothing ends without one."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.audit.content.waiting import ContentUnavailable
from weir.audit.spool.writer import SpoolUnavailable
from weir.edge import records
from weir.edge.content.keeping import asked, replied
from weir.edge.content.storing import put, store
from weir.edge.guard import guarded, refuse
from weir.edge.identity.turnaway import tunnel_record
from weir.edge.state import State
from weir.edge.trace import Trace, link_of, trace_of

__all__ = ["Audit"]


class Audit:
    """`strict` waits for the disk and denies without it; `available` counts what could not be written."""

    name = "audit"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def http_connect(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """A tunnel that was refused has no exchange of its own."""
        if flow.response is not None:
            link_of(flow.client_conn).closed = True
            return self.state.record(tunnel_record(flow))
        return None

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record before forwarding; under `strict` a disk that does not take the record is a refusal."""
        if (trace := trace_of(flow)) is None:
            return None
        self.state.talks.note(trace.conversation, trace.principal.user)
        waits = store(self.state, records.request_record(trace, flow), asked(trace))
        trace.recorded, trace.closed = True, flow.response is not None
        return None if waits is None else self._before_forwarding(trace, flow, waits)

    async def _before_forwarding(self, trace: Trace, flow: http.HTTPFlow, waits: Awaitable[None]) -> None:
        try:
            await waits
        except SpoolUnavailable as error:
            refuse(flow, 503, "weir can't write its audit, so nothing is forwarded.", "audit-unavailable")
            trace.refused_by, trace.recorded = "audit-unavailable", isinstance(error, ContentUnavailable)
            trace.closed = trace.closed or not trace.recorded  # a record without its texts stands: another ends it

    @guarded
    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record after. A WebSocket ends later."""
        return None if flow.websocket else self._finish(flow)

    @guarded
    def websocket_end(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record after the last message."""
        return self._finish(flow)

    @guarded
    def error(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record what was cut, before or after its reply began."""
        return self._finish(flow)

    def _finish(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if (trace := trace_of(flow)) is None:
            return self.state.record(records.minimal_record(flow, link_of(flow.client_conn).failed or "no trace"))
        if trace.closed:
            return None
        trace.closed = True
        if trace.recorded:
            put(self.state, records.reply_record(trace, flow), replied(trace))  # its exchange is on disk: decision 0006
            return None
        return store(self.state, records.request_record(trace, flow), asked(trace))
