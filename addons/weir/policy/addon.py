"""policy in the chain: one verdict from all findings, carried out in `enforce`, recorded in `observe`."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.callers import address_of
from weir.edge.case import case_of
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.policy import actions

__all__ = ["PolicyAddon"]

INLINE_BYTES_MAX = 32 * 1024  # finding the places in a larger body leaves the event loop


class PolicyAddon:
    """Decides once, after everything is known and before anything is sent."""

    name = "policy"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decide and, in `enforce`, act."""
        trace = trace_of(flow)
        if trace is None or flow.response:
            return None
        trace.verdict = trace.snapshot.policy.decide(case_of(trace))
        if not trace.enforcing:
            return None
        outcome = actions.outcome(trace.verdict, trace.snapshot.settings.mode)
        trace.acted = True
        if not outcome.forward:
            answer(flow, trace, outcome.status, trace.verdict.rule_id, trace.verdict.say)
        elif outcome.edits_wanted:
            return self._edit(trace, flow)
        return None

    def _edit(self, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Change the texts that the verdict treats; the rest of the body keeps its bytes."""
        assert trace.masker and trace.exchange and trace.dialect and trace.body is not None
        edits = trace.masker.edits(trace.exchange.segments, trace.findings, trace.verdict.treatments)
        if not edits:
            return None
        if len(trace.body) > INLINE_BYTES_MAX:
            return self._replace_elsewhere(trace, flow, edits)
        _send(trace, flow, trace.dialect.replace(trace.body, edits))
        return None

    async def _replace_elsewhere(self, trace: Trace, flow: http.HTTPFlow, edits: Mapping[str, str]) -> None:
        assert trace.dialect
        timeout = trace.snapshot.settings.limits.hook_timeout_ms / 1000
        owner, run = address_of(flow.client_conn), self.state.workers.run
        replace = trace.dialect.replace
        _send(trace, flow, await run(replace, trace.body, edits, timeout_s=timeout, lane="parse", owner=owner))


def _send(trace: Trace, flow: http.HTTPFlow, body: bytes) -> None:
    trace.body, trace.edited = body, True
    trace.set_body(flow)
