"""policy in the chain: one verdict from all findings, carried out in `enforce`, recorded in `observe`."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.policy import actions
from weir.policy.case import Case

__all__ = ["PolicyAddon"]


class PolicyAddon:
    """Decides once, after everything is known and before anything is sent."""

    name = "policy"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    async def request(self, flow: http.HTTPFlow) -> None:
        """Decide and, in `enforce`, act."""
        trace = trace_of(flow)
        if trace is None or flow.response:
            return
        trace.verdict = trace.snapshot.policy.decide(_case(trace))
        outcome = actions.outcome(trace.verdict, trace.snapshot.settings.mode)
        if not trace.enforcing:
            return
        trace.acted = True
        if not outcome.forward:
            answer(flow, trace, outcome.status, trace.verdict.rule_id, trace.verdict.say)
        elif outcome.edits_wanted:
            await self._edit(trace, flow)

    async def _edit(self, trace: Trace, flow: http.HTTPFlow) -> None:
        """Change the texts that the verdict treats; the rest of the body keeps its bytes."""
        assert trace.masker and trace.exchange and trace.dialect and trace.body is not None
        edits = trace.masker.edits(trace.exchange.segments, trace.findings, trace.verdict.treatments)
        if not edits:
            return
        timeout = trace.snapshot.settings.limits.hook_timeout_ms / 1000
        trace.body = await self.state.workers.run(trace.dialect.replace, trace.body, edits, timeout_s=timeout)
        trace.edited = True
        trace.set_body(flow)


def _case(trace: Trace) -> Case:
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
