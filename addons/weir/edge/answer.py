"""weir's own answers: the provider's error shape for SDKs, a page for browsers, a problem document for the rest."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.causes import error_class
from weir.edge.trace import Trace, trace_of
from weir.policy import refusal
from weir.policy.actions import STATUS_POLICY
from weir.ports import Dialect

__all__ = ["answer", "gateway_error"]


def answer(flow: http.HTTPFlow, trace: Trace, status: int, rule_id: str, message: str) -> None:
    """Set the response that refuses this request. `message` is for the client and holds no content."""
    others = trace.snapshot.alternatives.of(trace.service) if status == STATUS_POLICY else ()
    problem = refusal.Problem(status, rule_id, message, trace.exchange_id, others)
    headers = refusal.headers(problem)
    if refusal.wants_html(flow.request.headers):
        body, kind = refusal.as_html(problem).encode(), "text/html; charset=utf-8"
    elif (dialect := _voice(flow, trace)) is not None:
        body, kind = dialect.refusal(status, message, rule_id), "application/json"
        headers = {**headers, **dialect.refusal_headers(status)}
    else:
        body, kind = refusal.as_json(problem), "application/problem+json"
    flow.response = http.Response.make(status, body, {"content-type": kind, **headers})


def _voice(flow: http.HTTPFlow, trace: Trace) -> Dialect | None:
    """Whose errors the client reads: listing models is read by no dialect, yet its SDK knows one shape for all."""
    if trace.dialect is not None or trace.provider is None:
        return trace.dialect
    spoken = trace.provider.voice(flow.request.path)
    return trace.snapshot.registry.dialect(spoken) if spoken else None


def gateway_error(flow: http.HTTPFlow) -> None:
    """Set the response for an upstream that gave none. SDKs may retry it, so it is no refusal; it quotes nobody."""
    assert flow.error
    cause = error_class(flow.error.msg)
    status = 504 if cause == "timed out" else 502
    trace = trace_of(flow)
    message = f"weir got no answer from the upstream: {cause}."
    if trace is not None:
        answer(flow, trace, status, "upstream", message)
        assert flow.response
        flow.response.headers.pop("x-should-retry", None)
    else:
        flow.response = http.Response.make(status, message.encode(), {"content-type": "text/plain"})
