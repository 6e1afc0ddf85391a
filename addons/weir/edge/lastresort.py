"""The record of a hook that failed where no later hook would tell of it.

Those are the audit's own hooks and the last ones of a connection; every other failure is named by the records that
follow it. This relies on as little as it can: where the full record can't be made, one of what is certain is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mitmproxy import connection, http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.edge import records
from weir.edge.trace import Trace, link_of, trace_of
from weir.model import Inspection

if TYPE_CHECKING:
    from weir.edge.state import State

__all__ = ["record"]

log = logging.getLogger("weir.guard")
_LAST = ("connections.client_disconnected", "connections.tls_failed_client", "doors.server_disconnected")


def record(data: Any, where: str, what: str, state: State | None) -> None:
    """Put the record that the failed hook `where` owed; `what` is its name and error class. Never raises."""
    if state is None:
        return
    try:
        if isinstance(data, http.HTTPFlow) and where.startswith("audit."):
            state.spool.put(_of_flow(data, what, before=where == "audit.request"))
        elif where in _LAST:
            state.spool.put(_of_link(_client_of(data), what))
    except Exception as error:  # noqa: BLE001  nothing is left that could be tried
        log.error("its record could not be written: %s", type(error).__name__)


def _client_of(data: Any) -> connection.Client:
    if isinstance(data, ServerConnectionHookData):
        return data.client
    return data if isinstance(data, connection.Client) else data.context.client


def _of_flow(flow: http.HTTPFlow, what: str, *, before: bool) -> AuditRecord:
    trace = trace_of(flow)
    if trace is None:
        return records.minimal_record(flow, what, forwarded=flow.response is None)
    made = _full(trace, flow, before=before)
    if before:
        trace.recorded, trace.closed = True, flow.response is not None
    else:
        trace.closed = True
    if made is not None:
        return made
    forwarded = bool(trace.forwarded_ns) or flow.response is None
    return records.minimal_record(flow, what, exchange_id=trace.exchange_id, forwarded=forwarded)


def _full(trace: Trace, flow: http.HTTPFlow, *, before: bool) -> AuditRecord | None:
    """The record that the audit would have written; None when making it is what fails."""
    try:
        ended = trace.recorded and trace.forwarded_ns and not before
        return records.reply_record(trace, flow) if ended else records.request_record(trace, flow)
    except Exception as error:  # noqa: BLE001  the caller falls back on what is certain
        log.error("its full record can't be made: %s", type(error).__name__)
        return None


def _of_link(client: connection.Client, what: str) -> AuditRecord:
    link = link_of(client)
    link.closed, end = True, now_us()
    link.exchange_id = link.exchange_id or new_event_id()
    return records.connection_record(
        link,
        client,
        "error",
        inspection=str(Inspection.FAILED),
        inspection_reason=what,
        ts_end=end,
        duration_us=end - link.started_us,
    )
