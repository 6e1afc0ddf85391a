"""shadow in the chain: the service's name and status, and AI traffic on hosts that no catalogue lists."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge import pinning
from weir.edge.discovery import Discovery, answered, named
from weir.edge.guard import guarded
from weir.edge.reading import read_into
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.model import Service

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
        pinning.sent(self.state, trace.link)
        service = trace.head.once("service", lambda: _service(trace, flow))
        if service is not None:
            trace.is_ai = True
            trace.service = service

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Read a catalogued service without a dialect of its own; look for signals everywhere else."""
        trace = trace_of(flow)
        if trace is None or flow.response or trace.unread:
            return None
        if not trace.is_ai and not self.discovery.look(trace, flow):
            return None
        named(trace, flow)
        return read_into(trace, flow) if trace.exchange is None else None

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Some services show themselves only in what they answer."""
        trace = trace_of(flow)
        if trace is not None:
            answered(trace, flow)


def _service(trace: Trace, flow: http.HTTPFlow) -> Service | None:
    path = flow.request.path
    service = next((s for n in trace.names if (s := trace.snapshot.catalogue.by_host(n, path))), None)
    if service is None and trace.provider is not None:
        service = Service(trace.provider.id, trace.provider.name, category="model-api")
    return None if service is None else trace.snapshot.judged(service)
