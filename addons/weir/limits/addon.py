"""limits in the chain: room is asked for before a request goes, and what it used is written down after."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.guard import guarded
from weir.edge.limits.limiting import admission_of, begin, finish, show
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.edge.websockets import turnlimits

__all__ = ["Limits", "Settlement"]


class Limits:
    """Budgets and rates hold before anything is sent; a refusal is a 429 in the provider's own shape."""

    name = "limits"

    def __init__(self, state: State) -> None:
        self.state = state

    def running(self) -> None:
        """What an earlier process still owed is charged as soon as it can be."""
        if self.state.limits is not None:
            admission_of(self.state).start()

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Ask for room; refuse, or send the request to a cheaper model."""
        trace = trace_of(flow)
        return None if trace is None else begin(self.state, trace, flow)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Tell of a downgrade and of warnings."""
        if (trace := trace_of(flow)) is not None:
            show(trace, flow)

    @guarded
    def websocket_message(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Each turn of a socket is asked for, and settled, by itself."""
        trace = trace_of(flow)
        return None if trace is None else turnlimits.message(self.state, trace, flow)

    async def done(self) -> None:
        """End what is still held, and write down what is owed."""
        if self.state.admission is not None:
            await self.state.admission.close()


class Settlement:
    """What an exchange has used comes out of its budgets: after its usage is known, however it ended."""

    name = "settlement"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def response(self, flow: http.HTTPFlow) -> None:
        """The reply has ended. A WebSocket ends later."""
        if (trace := trace_of(flow)) is not None and not flow.websocket:
            finish(self.state, trace)

    @guarded
    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """The turns that have no end are settled too."""
        if (trace := trace_of(flow)) is not None:
            turnlimits.end(self.state, trace)

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        """The exchange was cut, before or after its reply began."""
        if (trace := trace_of(flow)) is not None:
            turnlimits.end(self.state, trace)
            finish(self.state, trace)
