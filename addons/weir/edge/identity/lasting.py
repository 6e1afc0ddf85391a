"""A socket outlives the requests beside it: with each message of its client, does what opened it still hold."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from mitmproxy import http

from weir.edge.identity.callers import AGAIN_S, Settled, check, of_connection
from weir.edge.identity.who import address_of
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.identity.desk import Said
from weir.identity.sources import Answer

__all__ = ["still"]

_RULE = "identity-required"
_SHOWN = ("basic", "jwt", "certificate")
_SAY = "What this connection showed of who is calling does not hold any more."


def still(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """End the socket when its token or certificate has ended, or its user is gone: the tunnel's, or its request's own.

    Looks once a second at most, at a certificate once a minute.
    """
    assert flow.websocket
    link = trace.link
    if not (link.shown or link.chain or trace.shown) or trace.abort or not flow.websocket.messages[-1].from_client:
        return None
    settled = of_connection(state, state.snapshot, link, flow.client_conn)
    said = _own(state, trace, flow)
    if isinstance(settled, Settled) and not isinstance(said, Awaitable):
        _look(trace, flow, settled, said)
        return None
    return _wait(trace, flow, settled, said)


def _own(state: State, trace: Trace, flow: http.HTTPFlow) -> Said | Awaitable[Said] | None:
    """What the credentials prove that came with the request which opened the socket."""
    if not trace.shown or time.monotonic() < trace.shown_until:
        return trace.said
    right = trace.said is not None and trace.said.answer.principal is not None
    quick = state.snapshot.desk.quick(trace.shown, address_of(flow.client_conn), again=right)
    if quick is not None:
        return _said(trace, quick)
    return _asked(state, trace, flow, right=right)


async def _asked(state: State, trace: Trace, flow: http.HTTPFlow, *, right: bool) -> Said:
    address = address_of(flow.client_conn)
    return _said(trace, await check(state, state.snapshot, trace.shown, address, again=right))


def _said(trace: Trace, said: Said) -> Said:
    trace.said, trace.shown_until = said, time.monotonic() + AGAIN_S
    return said


async def _wait(
    trace: Trace, flow: http.HTTPFlow, settled: Settled | Awaitable[Settled], said: Said | Awaitable[Said] | None
) -> None:
    settled = settled if isinstance(settled, Settled) else await settled
    _look(trace, flow, settled, await said if isinstance(said, Awaitable) else said)


def _look(trace: Trace, flow: http.HTTPFlow, settled: Settled, said: Said | None) -> None:
    """End the socket if what was shown is answered otherwise than when it began."""
    assert flow.websocket
    own: dict[str, Answer] = {said.source: said.answer} if said is not None else {}
    now = {**own, **settled.answers}  # what was shown for the tunnel comes first here as it did then
    changed = [one for one in _SHOWN if one in trace.heard and now.get(one) != trace.heard[one]]
    if not changed:
        return
    flow.websocket.messages[-1].drop()
    why = now[changed[0]].why if changed[0] in now else ""
    trace.refused_by = _RULE
    trace.refused_why = settled.outcome.refused or (
        f"{changed[0]}: {why}" if why else "the connection's caller is another one now"
    )
    trace.abort = f"{_RULE}: {trace.refused_why}"
    if trace.socket is not None:
        trace.socket.refuse(_SAY, _RULE)
