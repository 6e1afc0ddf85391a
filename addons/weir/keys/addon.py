"""keys in the chain: which credential came, whom a virtual key stands for, and the real key in its place."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.guard import guarded
from weir.edge.keys.managed import give, header_lines, refuse
from weir.edge.keys.rawkeys import note
from weir.edge.keys.virtualkeys import meet, why_not
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.keys import credentials

__all__ = ["Keys"]


class Keys:
    """Virtual keys never go upstream; real ones go only to the hosts they are bound to."""

    name = "keys"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Find every credential and let a virtual key say who is calling; one that is no good ends it here."""
        trace = trace_of(flow)
        if trace is None:
            return None
        places = trace.provider.auth if trace.provider else ()
        path, _, query = flow.request.path.partition("?")
        trace.presented = trace.head.once(
            "presented", lambda: tuple(credentials.find(header_lines(flow), query, places, path))
        )
        trace.presented_in = (flow.request.headers.fields, flow.request.path)
        waits = meet(self.state, trace, flow)
        note(trace, flow)
        return waits

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Put the real key where the virtual one stood, or refuse: a virtual key is no secret of the provider's."""
        trace = trace_of(flow)
        if trace is None or flow.response or not any(p.virtual or p.replace for p in trace.presented):
            return None
        key = trace.snapshot.secrets.get(trace.service.id)
        names = trace.names if flow.request.scheme == "https" else ()
        provider, endpoint = trace.provider, trace.endpoint
        allowed = bool(provider and endpoint and provider.allows_managed(endpoint, trace.method, flow.request.path))
        why = why_not(self.state, trace, flow, key.bound if key else None, names, allowed=allowed)
        if why or key is None:
            refuse(flow, trace, 401, why)
            return None
        return give(trace, flow, key)
