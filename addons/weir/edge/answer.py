"""weir's own answers: the provider's error shape for SDKs, a page for browsers, a problem document for the rest."""

from __future__ import annotations

import math

from mitmproxy import http

from weir.edge.causes import error_class
from weir.edge.trace import Trace, trace_of
from weir.edge.wire import unproven
from weir.policy import refusal
from weir.policy.actions import STATUS_POLICY
from weir.ports import Dialect
from weir.routing.breaker import REST_S_MAX

__all__ = ["answer", "gateway_error"]

_UNPROVEN = "The server at this address did not prove to be {host}, so nothing was sent to it."


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
    if trace is not None and unproven.is_unproven(flow):
        trace.refused_by = unproven.RULE
        answer(flow, trace, status, unproven.RULE, _UNPROVEN.format(host=trace.host))
    elif trace is not None:
        said = trace.route.said if trace.route is not None else None
        if said is not None and said.tells:  # another place did answer
            status, message = said.status, f"{message} Another of its places answered with {said.status}."
        answer(flow, trace, status, "upstream", message)
        assert flow.response
        flow.response.headers.pop("x-should-retry", None)
        if said is not None and said.tells and said.wait_s is not None:
            flow.response.headers["retry-after"] = str(math.ceil(min(said.wait_s, REST_S_MAX)))
    else:
        flow.response = http.Response.make(status, message.encode(), {"content-type": "text/plain"})
