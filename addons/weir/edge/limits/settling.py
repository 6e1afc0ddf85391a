"""What settling has to know of an exchange that is over."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.causes import cause_of
from weir.edge.trace import Trace
from weir.usage.fetched import Target

__all__ = ["target_of"]


def target_of(trace: Trace, flow: http.HTTPFlow) -> Target:
    """Where an exchange went and how it ended: what the provider answered, whatever the client got instead."""
    status = (trace.look or flow.response).status_code if flow.response is not None else 0
    return Target(
        trace.provider.id if trace.provider else trace.service.id,
        flow.request.path,
        status,
        whole=flow.error is None,
        media=trace.media.tokens,
        gone=flow.error is not None and cause_of(flow, flow.error.msg).startswith("client"),
    )
