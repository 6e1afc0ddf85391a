"""What policy is asked about one exchange, out of its trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weir.edge.identity.permits import objection
from weir.edge.trace import Trace
from weir.model import Segment
from weir.policy.case import Case, Shown
from weir.policy.models import besides

__all__ = ["case_of"]


def case_of(trace: Trace, **said: Any) -> Case:
    """The case as far as the concerns before policy have come; what none of them knows stays empty.

    ``said`` stands in the place of members that are others for a reply.
    """
    exchange = trace.exchange
    model, others = "", tuple[str, ...]()
    tools: Sequence[str] = ()
    segments: Sequence[Segment] = ()
    if exchange is not None:
        model, tools, segments = exchange.model, exchange.tools, exchange.segments
        named = trace.named
        if named is None or named[0] is not exchange:  # all of a request's cases ask for them
            named = trace.named = (exchange, besides(segments))
        others = named[1]
    known: dict[str, Any] = {
        "principal": trace.principal,
        "service": trace.service,
        "endpoint": trace.endpoint,
        "model": model,
        "other_models": others,
        "host": trace.host,
        "names": trace.names,
        "is_ai": trace.is_ai,
        "discovered": trace.discovered,
        "findings": trace.findings,
        "segments": segments,
        "tools": tools,
        "inspection": trace.inspection,
        "reason": trace.reason,
        "credential": trace.credential,
        "objection": objection(trace, trace.endpoint, model, tools, others),
        "shown": tuple([Shown(raw.kind, raw.why_not) for raw in trace.raw]) if trace.raw else (),
    }
    known.update(said)
    return Case(**known)
