"""What policy is asked about one exchange, out of its trace."""

from __future__ import annotations

from weir.edge.trace import Trace
from weir.policy.case import Case

__all__ = ["case_of"]


def case_of(trace: Trace) -> Case:
    """The case as far as the concerns before policy have come; what none of them knows stays empty."""
    exchange = trace.exchange
    return Case(
        principal=trace.principal,
        service=trace.service,
        endpoint=trace.endpoint,
        model=exchange.model if exchange else "",
        host=trace.host,
        names=trace.names,
        is_ai=trace.is_ai,
        discovered=trace.discovered,
        findings=trace.findings,
        segments=exchange.segments if exchange else (),
        tools=exchange.tools if exchange else (),
        inspection=trace.inspection,
        reason=trace.reason,
        credential=trace.credential,
    )
