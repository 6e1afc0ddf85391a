"""audit in the chain, last: nothing is forwarded before its record stands, nothing ends without one."""

from __future__ import annotations

from mitmproxy import http

from weir.audit.record import AuditRecord
from weir.audit.spool import SpoolUnavailable
from weir.edge import records
from weir.edge.guard import guarded, refuse
from weir.edge.state import State
from weir.edge.trace import link_of, trace_of

__all__ = ["Audit"]


class Audit:
    """`strict` waits for the disk and denies without it; `available` counts what could not be written."""

    name = "audit"

    def __init__(self, state: State) -> None:
        self.state = state

    async def _write(self, record: AuditRecord) -> None:
        if self.state.snapshot.settings.audit.durability == "strict":
            await self.state.spool.durable(record)
        else:
            self.state.spool.put(record)

    @guarded
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """A tunnel that was refused has no exchange of its own."""
        link = link_of(flow.client_conn)
        if flow.response is not None:
            link.closed = True
            await self._write(records.minimal_record(flow, link.failed or "tunnel refused"))

    @guarded
    async def request(self, flow: http.HTTPFlow) -> None:
        """Record before forwarding; under `strict` a disk that does not take the record is a refusal."""
        trace = trace_of(flow)
        if trace is None:
            return
        try:
            await self._write(records.request_record(trace, flow))
        except SpoolUnavailable:
            refuse(flow, 503, "weir can't write its audit, so nothing is forwarded.", "audit-unavailable")
            trace.refused_by, trace.closed = "audit-unavailable", True
            return
        trace.recorded = True
        trace.closed = flow.response is not None

    @guarded
    async def response(self, flow: http.HTTPFlow) -> None:
        """Record after. A WebSocket ends later."""
        if not flow.websocket:
            await self._finish(flow)

    @guarded
    async def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Record after the last message."""
        await self._finish(flow)

    @guarded
    async def error(self, flow: http.HTTPFlow) -> None:
        """Record what was cut, before or after its reply began."""
        await self._finish(flow)

    async def _finish(self, flow: http.HTTPFlow) -> None:
        trace = trace_of(flow)
        if trace is None:
            await self._write(records.minimal_record(flow, link_of(flow.client_conn).failed or "no trace"))
        elif not trace.closed:
            trace.closed = True
            make = records.reply_record if trace.recorded and trace.forwarded_ns else records.request_record
            await self._write(make(trace, flow))
