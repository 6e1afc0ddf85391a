"""A socket outlives the requests beside it: with each message of its client, does what opened it still hold."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.identity.callers import Settled, of_connection
from weir.edge.state import State
from weir.edge.trace import Trace

__all__ = ["still"]

_RULE = "identity-required"
_SHOWN = ("basic", "jwt")
_SAY = "What this connection showed of who is calling does not hold any more."


def still(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """End the socket when its tunnel's token has ended, or its user is gone; looks once a second at most."""
    assert flow.websocket
    if not trace.link.shown or trace.abort or not flow.websocket.messages[-1].from_client:
        return None
    settled = of_connection(state, state.snapshot, trace.link, flow.client_conn)
    if isinstance(settled, Settled):
        _look(trace, flow, settled)
        return None
    return _wait(trace, flow, settled)


async def _wait(trace: Trace, flow: http.HTTPFlow, waits: Awaitable[Settled]) -> None:
    _look(trace, flow, await waits)


def _look(trace: Trace, flow: http.HTTPFlow, settled: Settled) -> None:
    """End the socket if what was shown is answered otherwise than when it began."""
    assert flow.websocket
    if all(settled.answers.get(one) == trace.heard[one] for one in _SHOWN if one in trace.heard):
        return
    flow.websocket.messages[-1].drop()
    trace.refused_by = _RULE
    trace.refused_why = settled.outcome.refused or "the connection's caller is another one now"
    trace.abort = f"{_RULE}: {trace.refused_why}"
    if trace.socket is not None:
        trace.socket.refuse(_SAY, _RULE)
