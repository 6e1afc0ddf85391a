"""identity in the chain: who opened the connection, from Basic credentials or the source network."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.callers import CREDENTIALS, by_network, challenge, identify
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import Trace, link_of, trace_of
from weir.identity.resolve import resolve
from weir.model import ANONYMOUS

__all__ = ["Identity"]


class Identity:
    """Carries the principal of a CONNECT to every inner request and takes the caller's credentials off the wire."""

    name = "identity"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Authenticate the tunnel; a wrong credential is refused, a missing one only where nothing else can speak."""
        link = link_of(flow.client_conn)
        link.host = flow.request.host
        snapshot = self.state.snapshot
        principal = await identify(self.state, snapshot, flow)
        wanted = (
            snapshot.settings.identity.required and snapshot.users is not None and not self.state.virtual_keys.list()
        )
        if principal is None or (principal == ANONYMOUS and wanted):
            challenge(flow, wrong=principal is None)
            link.refused = True
        else:
            link.principal = principal

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Absolute-form requests bring their credentials each time; in a tunnel the connection's principal holds."""
        trace = trace_of(flow)
        if trace is None or flow.response:
            flow.request.headers.pop(CREDENTIALS, None)
            return None
        trace.principal = trace.link.principal
        if CREDENTIALS in flow.request.headers:
            return self._identify(trace, flow)
        if trace.principal == ANONYMOUS:
            trace.principal = by_network(trace.snapshot, flow)
        return None

    async def _identify(self, trace: Trace, flow: http.HTTPFlow) -> None:
        principal = await identify(self.state, trace.snapshot, flow)
        if principal is None:
            challenge(flow, wrong=True)
        else:
            trace.principal = resolve([trace.link.principal, principal])
