"""What policy is asked about one exchange, out of its trace."""

from __future__ import annotations

from weir.edge.identity.permits import objection
from weir.edge.trace import Trace
from weir.policy.case import Case, Shown
from weir.policy.models import besides

__all__ = ["case_of"]


def case_of(trace: Trace) -> Case:
    """The case as far as the concerns before policy have come; what none of them knows stays empty."""
    exchange = trace.exchange
    model = exchange.model if exchange else ""
    tools, segments = (exchange.tools, exchange.segments) if exchange else ((), ())
    others = besides(segments)
    return Case(
        principal=trace.principal,
        service=trace.service,
        endpoint=trace.endpoint,
        model=model,
        other_models=others,
        host=trace.host,
        names=trace.names,
        is_ai=trace.is_ai,
        discovered=trace.discovered,
        findings=trace.findings,
        segments=segments,
        tools=tools,
        inspection=trace.inspection,
        reason=trace.reason,
        credential=trace.credential,
        objection=objection(trace, trace.endpoint, model, tools, others),
        shown=tuple(Shown(raw.kind, raw.why_not) for raw in trace.raw),
    )
