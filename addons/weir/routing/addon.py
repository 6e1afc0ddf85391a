"""routing in the chain: a request whose place fails, or rests, goes to another one that policy names."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.guard import guarded
from weir.edge.routing import begin, failed
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.edge.wire.attempt import Attempt

__all__ = ["Routing"]


class Routing:
    """Only before a byte of a reply has gone to the client, and only with keys of the company's."""

    name = "routing"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """The key is in: note where the request came from, and pass by a place that rests."""
        trace = trace_of(flow)
        return None if trace is None or flow.response is not None else begin(self.state, trace, flow)

    @guarded
    def attempt_failed(self, attempt: Attempt) -> Awaitable[None] | None:
        """Say where the request goes next, if anywhere."""
        trace = trace_of(attempt.flow)
        return None if trace is None else failed(self.state, trace, attempt)
