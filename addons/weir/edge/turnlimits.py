"""Limits on the turns of a WebSocket: each is asked for when the client begins it, and settled when its reply ends.

A turn that has no room is answered with the provider's error event and goes no further; the socket stays open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mitmproxy import http, websocket

from weir.audit.spool import SpoolUnavailable
from weir.edge import records
from weir.edge.case import case_of
from weir.edge.coach import decide
from weir.edge.downgrade import model_pointer
from weir.edge.estimating import Estimate, estimate
from weir.edge.limiting import AWAY, STATUS, admission_of, decided
from weir.edge.socket import Socket
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.limits.budget import AMOUNT_MAX, Claim, Refused
from weir.model import NO_USAGE, Action, Cost, OnFailure, Unparsed, Usage
from weir.providers.wire.jsondoc import loads

if TYPE_CHECKING:
    from weir.limits.admission import Admission, End, Hold
    from weir.limits.gate import Admitted
    from weir.limits.rates import Limited
    from weir.limits.rows import Actual

__all__ = ["Turns", "begins", "end", "ends", "message"]

_BEGINS = (b"response.create", b"lientContent", b"client_content")
_ENDS = (b"response.", b"erverContent", b"server_content", b'"error"')
_DONE = frozenset({"response.done", "response.completed", "response.incomplete"})
_BROKEN = frozenset({"response.failed", "response.cancelled", "error"})


@dataclass(slots=True)
class Turns:
    """What the turns of one socket hold, and what is settled of them."""

    number: int = 0
    open: list[Hold] = field(default_factory=list)
    counted: Usage = NO_USAGE  # of all turns that are settled
    nano_usd: int = 0  # and what they cost
    waits: bool = False  # a turn is over, and its usage is still to come
    context: int = 0  # tokens of the conversation that the provider keeps: the next prompt begins with them


def _document(content: bytes, marks: tuple[bytes, ...]) -> Mapping[str, Any]:
    if not any(mark in content for mark in marks):
        return {}
    try:
        document = loads(content)
    except Unparsed:
        return {}
    return document if isinstance(document, dict) else {}


def begins(content: bytes) -> Mapping[str, Any]:
    """The message of a client that makes the model answer, as a document; empty for any other."""
    document = _document(content, _BEGINS)
    if document.get("type") == "response.create":
        return document if document.get("generate") is not False else {}  # false: a session is warmed up
    turn = document.get("clientContent", document.get("client_content"))
    complete = isinstance(turn, dict) and (turn.get("turnComplete") or turn.get("turn_complete"))
    return document if complete else {}


def ends(content: bytes) -> str:
    """``done`` for the server's message that ends an answer, ``broken`` for one that says there is none, ``over`` for
    one that ends it and may leave its usage to a message that follows; else empty."""
    document = _document(content, _ENDS)
    kind = document.get("type")
    if isinstance(kind, str):
        return "done" if kind in _DONE else "broken" if kind in _BROKEN else ""
    said = document.get("serverContent", document.get("server_content"))
    complete = isinstance(said, dict) and (said.get("turnComplete") or said.get("turn_complete"))
    return "over" if complete else ""


def message(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Look at a message that goes on: a turn may begin or end with it."""
    socket = trace.socket
    if state.snapshot.limits is None or socket is None or flow.websocket is None or trace.abort:
        return None
    got = flow.websocket.messages[-1]
    if got.dropped:
        return None
    if not got.from_client:
        if (how := ends(got.content)) or (trace.turns and trace.turns.waits):
            _settle(state, trace, socket, how)
        return None
    document = begins(got.content)
    if not document:
        return None
    trace.turns = trace.turns or Turns()
    trace.turns.number += 1
    admission, model = admission_of(state), socket.model
    probe = Claim(_id(trace), trace.principal, trace.service.id, model, 0, None)
    return _begin(state, trace, socket, flow, got, document) if admission.gate.concerns(probe) else None


def _id(trace: Trace) -> str:
    assert trace.turns
    return f"{trace.exchange_id}/{trace.turns.number}"


async def _begin(
    state: State,
    trace: Trace,
    socket: Socket,
    flow: http.HTTPFlow,
    got: websocket.WebSocketMessage,
    document: Mapping[str, Any],
) -> None:
    from weir.limits.gate import Admitted
    from weir.limits.store import LedgerError

    assert trace.turns and socket.exchange
    admission = admission_of(state)
    exchange, settings = socket.exchange, document.get("response")
    bound = settings.get("max_output_tokens") if isinstance(settings, dict) else None
    if isinstance(bound, int):
        exchange = replace(exchange, parameters={**exchange.parameters, "max_tokens": bound})
    before = trace.turns.context
    made = await estimate(trace, admission.plan.output_tokens, exchange, before=before, model=socket.model)
    turn = _id(trace)
    claim = made.claim(turn, socket.model)

    def again(model: str, past: tuple[str, ...]) -> Claim:
        return made.claim(turn, model, past)

    named = model_pointer(socket.dialect, got.content, trace, socket.model) is not None
    try:
        answer = await admission.ask(claim, stream=True, observe=not trace.enforcing, again=again if named else None)
    except LedgerError as error:
        trace.extra = {**trace.extra, "limits": str(error)}
        if trace.enforcing and trace.on_failure is OnFailure.BLOCK:
            got.drop()
            socket.answer(503, AWAY, "on-failure")
            return
        answer = Admitted(claim)
    if not isinstance(answer, Admitted):
        await _refuse(state, trace, socket, flow, got, answer)
    else:
        await _take(state, trace, socket, flow, got, answer)


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
    case = replace(case_of(trace), endpoint=socket.endpoint, model=model)
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
    if socket is None or state.snapshot.limits is None:
        return
    if turns is None:
        turns = trace.turns = Turns()
    use, admission = _use(trace, socket, turns, trace.usage, trace.cost), admission_of(state)
    for hold in turns.open:
        admission.end(hold, use)
        use = None
    if use is not None and not turns.open:
        _charge(trace, socket, admission, use)
    turns.open = []
