"""shadow in the chain: the service's name and status, and AI traffic on hosts that no catalogue lists."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.discovery import Discovery
from weir.edge.guard import guarded
from weir.edge.keys.rawkeys import note
from weir.edge.reading import peek, read_into
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.model import Service
from weir.shadow import signals

__all__ = ["Shadow"]


class Shadow:
    """Names the service; on unknown hosts two independent groups of signals make a discovery."""

    name = "shadow"

    def __init__(self, state: State) -> None:
        self.state = state
        self.discovery = Discovery()

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Look the host up in the catalogue."""
        trace = trace_of(flow)
        if trace is None:
            return
        path = flow.request.path
        service = next((s for n in trace.names if (s := trace.snapshot.catalogue.by_host(n, path))), None)
        if service is None and trace.provider is not None:
            service = Service(trace.provider.id, trace.provider.name, category="model-api")
        if service is not None:
            trace.is_ai = True
            trace.service = trace.snapshot.judged(service)

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Read a catalogued service without a dialect of its own; look for signals everywhere else."""
        trace = trace_of(flow)
        if trace is None or flow.response or trace.unread:
            return None
        if trace.is_ai:
            return read_into(trace, flow) if trace.exchange is None else None
        return read_into(trace, flow) if self.discovery.look(trace, flow) else None

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Some services show themselves only in what they answer; their request has gone, the record says so."""
        trace = trace_of(flow)
        if trace is None or trace.is_ai or trace.unread or flow.response is None or not trace.forwarded_ns:
            return
        replied = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in flow.response.headers.fields]
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in flow.request.headers.fields]
        body = peek(flow, trace.snapshot.settings.limits.peek_bytes_max)
        sighting = signals.score(trace.method, trace.host, flow.request.path, headers, body, response_headers=replied)
        if sighting.is_ai:
            trace.signals = sighting.signals
            trace.discovered = trace.is_ai = True
            trace.service = trace.snapshot.judged(Service(trace.host, trace.host, category="discovered"))
            trace.reason = "recognised by its reply"
            note(trace, flow, headers)
