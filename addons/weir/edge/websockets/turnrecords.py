"""A record for each turn of a WebSocket, as soon as it has ended: what it used and what that cost.

The socket's own last record has the sum of all turns. Its cost is theirs added up, for a price may depend on how long
one prompt was.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from mitmproxy import http

from weir.audit.record import AuditRecord, ToolCallRow, now_us
from weir.edge import records
from weir.edge.content import keeping
from weir.edge.content.storing import put
from weir.edge.passing import recordable
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.edge.websockets.socket import Socket
from weir.model import NO_USAGE, Cost, Reply
from weir.providers.replies.frames import Turn
from weir.usage.fetched import noted
from weir.usage.prices import NO_CHARGE, UNPRICED
from weir.usage.savings import cache_saved

__all__ = ["record_turns"]


def record_turns(state: State, trace: Trace, flow: http.HTTPFlow, socket: Socket) -> None:
    """Write down the turns that ended with the message at hand. Nothing waits for these records to be on disk."""
    for turn in socket.reader.take_turns():
        cost = _cost(trace, socket, turn)
        socket.cost = cost if socket.cost is None else _both(socket.cost, cost)
        socket.turns += 1
        put(state, _record(trace, flow, socket, turn, cost), keeping.turned(trace, socket, turn))
        socket.told = (socket.told[0] + len(turn.text), socket.told[1] + len(turn.tool_calls))


def _both(one: Cost, other: Cost) -> Cost:
    if one.nano_usd is None or other.nano_usd is None:
        return UNPRICED
    names = dict.fromkeys(name for cost in (one, other) for name in cost.price_id.split() if name != NO_CHARGE.price_id)
    return Cost(one.nano_usd + other.nano_usd, " ".join(names) or NO_CHARGE.price_id)


def _cost(trace: Trace, socket: Socket, turn: Turn) -> Cost:
    """Of the model that the turn names, else the one of the session; of what reports no use, nothing."""
    if turn.usage is None or not (turn.usage.input_tokens or turn.usage.output_tokens or turn.usage.parts):
        return NO_CHARGE
    provider = trace.provider.id if trace.provider else trace.service.id
    names = (turn.model,) if turn.heard else dict.fromkeys((turn.model, socket.model))
    for model in filter(None, names):
        cost = trace.snapshot.prices.cost(provider, model, turn.usage, datetime.now(UTC))
        if cost.nano_usd is not None:
            return cost
    return UNPRICED


def _record(trace: Trace, flow: http.HTTPFlow, socket: Socket, turn: Turn, cost: Cost) -> AuditRecord:
    said = recordable(trace, Reply(turn.model, turn.response_id, None, "", turn.tool_calls, True, turn.finish_reason))
    used = turn.usage or NO_USAGE
    heard = {"heard": "true"} if turn.heard else {}
    extra = {**trace.extra, "turn": str(socket.turns), **heard, **noted(used)}
    shown = replace(
        trace,
        findings=(),
        inspection=socket.inspection,
        reason="; ".join(socket.reasons),
        extra=extra,
        usage=used,
        acted=False,
    )
    return replace(
        records.request_record(shown, flow),
        kind="turn",
        ts=now_us(),
        ts_end=None,
        response_model=said.model or (socket.model if not turn.heard else ""),
        response_id=said.response_id,
        finish_reason=said.finish_reason,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        reasoning_tokens=used.reasoning_tokens,
        usage_source=used.source,
        cost_nano=cost.nano_usd,
        price_id=cost.price_id,
        cache_saved_nano=cache_saved(
            trace.snapshot.prices,
            trace.provider.id if trace.provider else trace.service.id,
            (turn.model, "" if turn.heard else socket.model),
            used,
            cost,
            datetime.now(UTC),
        ),
        tool_calls=tuple(
            ToolCallRow(ord=at, name=name, call_id=call_id) for at, (call_id, name) in enumerate(said.tool_calls)
        ),
    )
