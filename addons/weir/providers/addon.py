"""providers in the chain: which endpoint, what the request says, and the reply read as it passes."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.guard import guarded
from weir.edge.passing import finish, pass_on
from weir.edge.reading import endpoint_of, read_into
from weir.edge.replies import read_reply
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.edge.wire.chunk import ChunkData

__all__ = ["Providers"]


class Providers:
    """Reads requests and replies by their dialect; everything else on an AI host is `unparsed` and says so."""

    name = "providers"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Find provider, endpoint and dialect by host and path."""
        trace = trace_of(flow)
        if trace is None:
            return
        trace.provider, trace.endpoint = trace.head.once("endpoint", lambda: endpoint_of(trace, flow))
        if trace.endpoint is None:
            return
        trace.is_ai = True
        registry = trace.snapshot.registry
        trace.dialect = registry.dialect(trace.endpoint.dialect) if trace.endpoint.dialect else None

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Read the request body."""
        trace = trace_of(flow)
        if trace is None or flow.response or not trace.is_ai:
            return None
        return read_into(trace, flow)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Set up the reading of the reply, and its editing where pseudonyms or an extra event must come out."""
        trace = trace_of(flow)
        response = flow.response
        if trace is None or response is None or not trace.forwarded_ns or response.status_code == 101:
            return
        read_reply(trace, flow)

    @guarded
    def response_chunk(self, data: ChunkData) -> Awaitable[None] | None:
        """Feed the reply through its reader."""
        trace = trace_of(data.flow)
        assert trace is not None and trace.pipe is not None
        return pass_on(self.state, trace, data)

    @guarded
    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Keep what the reply said."""
        return self._finish(flow)

    @guarded
    def error(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Keep what the reply had said when it was cut."""
        return self._finish(flow)

    def _finish(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        trace = trace_of(flow)
        return None if trace is None else finish(self.state, trace, flow)
