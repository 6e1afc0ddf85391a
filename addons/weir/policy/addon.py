"""policy in the chain: one verdict from all findings, carried out in `enforce`, recorded in `observe`."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.case import case_of
from weir.edge.coach import decide, hold
from weir.edge.guard import guarded
from weir.edge.identity.who import address_of
from weir.edge.keys.signing import is_signed, refuse_change
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.policy import actions

__all__ = ["PolicyAddon"]

INLINE_BYTES_MAX = 8 * 1024  # changing texts in a larger body, and looking at what that leaves, leaves the event loop


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
        trace.verdict = decide(trace, flow, case_of(trace))
        if not trace.enforcing:
            return None
        outcome = actions.outcome(trace.verdict, trace.snapshot.settings.mode)
        trace.acted = True
        if outcome.coach:
            hold(flow, trace, outcome.status)
        elif not outcome.forward:
            answer(flow, trace, outcome.status, trace.verdict.rule_id, trace.verdict.say)
        elif outcome.edits_wanted:
            return self._edit(trace, flow)
        return None

    def _edit(self, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Change the texts that the verdict treats; the rest of the body keeps its bytes."""
        assert trace.body is not None
        if len(trace.body) > INLINE_BYTES_MAX or trace.snapshot.engine.slow:
            return self._edit_elsewhere(trace, flow)
        _send(trace, flow, _edited(trace))
        return None

    async def _edit_elsewhere(self, trace: Trace, flow: http.HTTPFlow) -> None:
        timeout = trace.snapshot.settings.limits.hook_timeout_ms / 1000
        owner, run = address_of(flow.client_conn), self.state.workers.run
        _send(trace, flow, await run(_edited, trace, timeout_s=timeout, lane="parse", owner=owner))


def _edited(trace: Trace) -> tuple[bytes, tuple[str, ...]] | None:
    """The body with the texts that the verdict treats, and these; None when nothing changes."""
    assert trace.masker and trace.exchange and trace.dialect and trace.body is not None
    edits = trace.masker.edits(trace.exchange.segments, trace.findings, trace.verdict.treatments)
    return (trace.dialect.replace(trace.body, edits), tuple(edits.values())) if edits else None


def _send(trace: Trace, flow: http.HTTPFlow, edited: tuple[bytes, tuple[str, ...]] | None) -> None:
    if edited is None:
        return
    if is_signed(flow.request):
        refuse_change(flow, trace)
        return
    (trace.body, trace.replaced), trace.edited = edited, True
    trace.set_body(flow)
