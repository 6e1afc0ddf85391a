"""identity in the chain: who opened the connection, who sends each request, and what either may use."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.guard import guarded
from weir.edge.identity.callers import arrive, ask, credentials_of, identify
from weir.edge.identity.lasting import still
from weir.edge.identity.permits import decide_early
from weir.edge.state import State
from weir.edge.trace import trace_of

__all__ = ["Identity", "Permits"]


class Identity:
    """Carries the principal of a CONNECT to every inner request and takes the caller's credentials off the wire."""

    name = "identity"

    def __init__(self, state: State) -> None:
        self.state = state

    def running(self) -> None:
        """Begin to fetch the issuers' keys."""
        self.state.snapshot.sources.start()

    def done(self) -> None:
        """Fetch no more."""
        self.state.snapshot.sources.close()

    @guarded
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Authenticate the tunnel; a wrong credential is refused, a missing one only where nothing else can speak."""
        await arrive(self.state, flow)

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Absolute-form requests bring their credentials each time; in a tunnel the connection's principal holds."""
        trace, given = trace_of(flow), credentials_of(flow)
        if trace is None or flow.response:
            return None
        return identify(self.state, trace, flow, given)

    @guarded
    def websocket_message(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """What a socket was opened with can end while it is open."""
        trace = trace_of(flow)
        return None if trace is None else still(self.state, trace, flow)


class Permits:
    """Last to look at the headers, when a virtual key has said who is calling: what that caller may use."""

    name = "permits"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Refuse what is not allowed whatever the body says, before it is read."""
        trace = trace_of(flow)
        if trace is not None:
            decide_early(trace, flow)
            ask(trace, flow)
