"""Limits on the turns of a WebSocket: each is asked for when the client begins it, and settled when its reply ends.

A turn that has no room is answered with the provider's error event and goes no further; the socket stays open.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mitmproxy import http, websocket

from weir.audit.spool.writer import SpoolUnavailable
from weir.edge import records
from weir.edge.case import case_of
from weir.edge.coach import decide
from weir.edge.identity.permits import objection
from weir.edge.limits.downgrade import model_pointer
from weir.edge.limits.estimating import Estimate, estimate
from weir.edge.limits.limiting import AWAY, STATUS, admission_of, decided
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.edge.websockets.socket import Socket
from weir.edge.websockets.turnmarks import begins, begun, ends, hears
from weir.limits.budget import AMOUNT_MAX, Claim, Refused
from weir.model import NO_USAGE, Action, Cost, OnFailure, Usage

if TYPE_CHECKING:
    from weir.limits.admission import Admission, End, Hold
    from weir.limits.gate import Admitted
    from weir.limits.rates import Limited
    from weir.limits.rows import Actual

__all__ = ["Turns", "end", "message"]

QUIET_S = 1.0  # sound comes fifty times a second: it is not refused, and asked for, that often


@dataclass(slots=True)
class Turns:
    """What the turns of one socket hold, and what is settled of them."""

    number: int = 0
    open: list[Hold] = field(default_factory=list)
    counted: Usage = NO_USAGE  # of all turns that are settled
    nano_usd: int = 0  # and what they cost
    waits: bool = False  # a turn is over, and its usage is still to come
    context: int = 0  # tokens of the conversation that the provider keeps: the next prompt begins with them
    heard: Hold | None = None  # the one of ``open`` for an answer that the server may begin by itself
    begun: bool = False  # the server is answering
    quiet_until: float = 0.0  # monotonic: until then what it might answer by itself is dropped unasked


def message(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Look at a message that goes on: a turn may begin or end with it."""
    socket = trace.socket
    if socket is None or flow.websocket is None or trace.abort or (state.limits is None and not trace.turns):
        return None
    got = flow.websocket.messages[-1]
    if got.dropped:
        return None
    if not got.from_client:
        _listen(state, trace, socket, got.content)
        return None
    turns = trace.turns = trace.turns or Turns()
    if state.limits is None:
        return None
    document = begins(got.content, warms_up=_answers_requests(trace))
    if not document and (turns.open or not hears(got.content)):
        return None
    if not document and time.monotonic() < turns.quiet_until:
        got.drop()
        return None
    turns.number += 1
    admission, model = admission_of(state), socket.model
    probe = Claim(_id(trace), trace.principal, trace.service.id, model, 0, None)
    if not admission.gate.concerns(probe):
        return None
    if turns.heard is not None:  # this answer is asked for, and has a hold of its own
        _give_back(admission, turns)
    return _begin(state, trace, socket, flow, got, heard=not document)


def _answers_requests(trace: Trace) -> bool:
    """Whether this is the responses interface over a socket, and no talk that both sides may go on with."""
    return trace.endpoint is not None and "responses" in trace.endpoint.path_template


def _listen(state: State, trace: Trace, socket: Socket, content: bytes) -> None:
    """A message of the server: an answer may begin or end with it."""
    turns = trace.turns
    if turns is not None and begun(content):
        turns.begun = True
    how = ends(content)
    if how == "broken" and turns is not None and turns.begun and not _answers_requests(trace) and b'"error"' in content:
        return  # of another message than the one that is being answered
    if how or (turns and turns.waits):
        _settle(state, trace, socket, how)


def _give_back(admission: Admission, turns: Turns) -> None:
    from weir.limits.admission import UNUSED

    if turns.heard is not None and not turns.begun:
        turns.open.remove(turns.heard)
        admission.end(turns.heard, UNUSED)
    turns.heard = None


def _id(trace: Trace) -> str:
    assert trace.turns
    return f"{trace.exchange_id}/{trace.turns.number}"


async def _begin(
    state: State,
    trace: Trace,
    socket: Socket,
    flow: http.HTTPFlow,
    got: websocket.WebSocketMessage,
    *,
    heard: bool,
) -> None:
    from weir.limits.gate import Admitted
    from weir.limits.store import LedgerError

    assert trace.turns and socket.exchange
    admission, turns, turn = admission_of(state), trace.turns, _id(trace)
    body = b"" if heard else got.content
    made = await estimate(
        trace, admission.plan.output_tokens, socket.exchange, before=turns.context, model=socket.model, body=body
    )
    claim = made.claim(turn, socket.model)

    def again(model: str, past: tuple[str, ...]) -> Claim:
        return made.claim(turn, model, past)

    named = not heard and model_pointer(socket.dialect, got.content, trace, socket.model) is not None
    try:
        answer = await admission.ask(claim, stream=True, observe=not trace.enforcing, again=again if named else None)
    except LedgerError as error:
        trace.extra = {**trace.extra, "limits": str(error)}
        if trace.enforcing and trace.on_failure is OnFailure.BLOCK:
            got.drop()
            turns.quiet_until = time.monotonic() + QUIET_S
            socket.answer(503, AWAY, "on-failure")
            return
        answer = Admitted(claim)
    if not isinstance(answer, Admitted):
        turns.quiet_until = time.monotonic() + QUIET_S
        await _refuse(state, trace, socket, flow, got, answer)
        return
    await _take(state, trace, socket, flow, got, answer)
    if heard and turns.open:
        turns.heard = turns.open[-1]


async def _take(
    state: State,
    trace: Trace,
    socket: Socket,
    flow: http.HTTPFlow,
    got: websocket.WebSocketMessage,
    answer: Admitted,
) -> None:
    assert trace.turns
    stream = bool(answer.held or answer.refused is None)
    hold = admission_of(state).hold(answer, stream=stream, over=lambda: trace.closed, how=lambda: None)
    trace.turns.open.append(hold)
    if answer.refused is None:
        return
    if not trace.enforcing:
        await _record(state, trace, socket, flow, Action.BLOCK, answer.refused)
        return
    asked, model = socket.model, answer.claim.model
    may = objection(trace, socket.endpoint, model, ())  # the opening's is about the model that was asked for then
    case = replace(case_of(trace), endpoint=socket.endpoint, model=model, objection=may)
    if decide(trace, flow, case).action >= Action.COACH:  # the other model is forbidden
        from weir.limits.admission import UNUSED

        trace.turns.open.remove(hold)
        admission_of(state).end(hold, UNUSED)
        await _refuse(state, trace, socket, flow, got, answer.refused)
        return
    changed = model_pointer(socket.dialect, got.content, trace, model)
    assert changed  # it was there when the claim was made
    got.content, socket.model, trace.model_asked = changed[1], model, asked
    if socket.exchange is not None:
        socket.exchange = replace(socket.exchange, model=model)
    await _record(state, trace, socket, flow, Action.DOWNGRADE, answer.refused)


async def _refuse(
    state: State,
    trace: Trace,
    socket: Socket,
    flow: http.HTTPFlow,
    got: websocket.WebSocketMessage,
    refused: Refused | Limited,
) -> None:
    from weir.limits.words import said

    got.drop()
    socket.answer(STATUS, said(refused), "budget" if isinstance(refused, Refused) else "rate")
    await _record(state, trace, socket, flow, Action.BLOCK, refused)


async def _record(
    state: State, trace: Trace, socket: Socket, flow: http.HTTPFlow, action: Action, refused: Refused | Limited
) -> None:
    """A record of its own: a socket may stay open for hours."""
    shown = replace(trace, acted=trace.enforcing, findings=())
    decided(shown, action, refused)
    socket.decided(shown.verdict)
    trace.acted = trace.acted or trace.enforcing
    waits = state.record(replace(records.request_record(shown, flow), kind="message", ts_end=None))
    if waits is not None:
        try:
            await waits
        except SpoolUnavailable:
            trace.abort = trace.abort or "audit-unavailable"


def _settle(state: State, trace: Trace, socket: Socket, how: str) -> None:
    """The oldest turn has ended: what the server reports beyond what is settled is its use."""
    turns = trace.turns = trace.turns or Turns()
    admission, use = admission_of(state), _use(trace, socket, turns, socket.reader.reply().usage, socket.cost)
    turns.waits = use is None and how in ("", "over")
    if turns.waits:
        return
    hold = turns.open.pop(0) if turns.open else None
    turns.begun = False
    if hold is turns.heard:
        turns.heard = None
    if hold is not None:
        admission.end(hold, use or _unknown(broken=how == "broken"))
    elif use is not None:  # the server began it by itself, as when it hears that somebody has spoken
        _charge(trace, socket, admission, use)


def _unknown(*, broken: bool) -> End:
    from weir.limits.admission import UNUSED

    return UNUSED if broken else None


def _use(trace: Trace, socket: Socket, turns: Turns, total: Usage | None, cost: Cost | None) -> Actual | None:
    """What of ``total`` is not settled yet, and settled herewith; None when that is nothing."""
    from weir.limits.rows import Actual

    beyond = (total or NO_USAGE).beyond(turns.counted)
    if total is None or not (beyond.input_tokens or beyond.output_tokens):
        return None
    provider = trace.provider.id if trace.provider else trace.service.id
    nano = cost.nano_usd if cost else None
    if nano is not None and nano > turns.nano_usd:  # of each turn at the price of its own model
        nano -= turns.nano_usd
    else:  # that record is still to be written
        nano = trace.snapshot.prices.cost(provider, socket.model, beyond, datetime.now(UTC)).nano_usd
    turns.nano_usd += nano or 0
    turns.counted, turns.context = total, beyond.input_tokens + beyond.output_tokens
    tokens = min(beyond.input_tokens + beyond.output_tokens, AMOUNT_MAX)
    return Actual(tokens, None if nano is None else min(nano, AMOUNT_MAX))


def _charge(trace: Trace, socket: Socket, admission: Admission, use: Actual) -> None:
    assert trace.turns
    trace.turns.number += 1
    claim = Estimate(trace, 0, 0).claim(_id(trace), socket.model)
    if admission.gate.concerns(claim):
        admission.charge(claim, use)


def end(state: State, trace: Trace) -> None:
    """The socket has ended: turns without an end of their own get what was reported since, or all that they hold."""
    turns, socket = trace.turns, trace.socket
    if socket is None or (state.limits is None and not (turns and turns.open)):
        return
    if turns is None:
        turns = trace.turns = Turns()
    use, admission = _use(trace, socket, turns, trace.usage, trace.cost), admission_of(state)
    if use is None:
        _give_back(admission, turns)
    for hold in turns.open:
        admission.end(hold, use)
        use = None
    if use is not None and not turns.open:
        _charge(trace, socket, admission, use)
    turns.open = []
