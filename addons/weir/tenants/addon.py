"""tenants in the chain: sign-in at sanctioned services is confined to the company's own tenant."""

from __future__ import annotations

from mitmproxy import http

from weir.edge import tenancy
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import trace_of

__all__ = ["Tenants"]


class Tenants:
    """Sets the vendors' headers when everybody has looked at the request, and refuses what no header confines."""

    name = "tenants"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Which restriction, and is the rest of the exchange anybody's business."""
        if (trace := trace_of(flow)) is not None:
            tenancy.begin(trace, flow)

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """Set the header or refuse; nothing after this takes headers out."""
        if (trace := trace_of(flow)) is not None:
            tenancy.confine(trace, flow)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Whose account it was, where the vendor says so."""
        if (trace := trace_of(flow)) is not None:
            tenancy.listen(trace, flow)
