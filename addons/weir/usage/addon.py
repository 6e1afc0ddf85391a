"""usage in the chain: ask streams for their usage, then count tokens and money when the reply has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from mitmproxy import http

from weir.edge.guard import guarded
from weir.edge.keys.signing import is_signed
from weir.edge.limits.settling import target_of
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.model import Reply
from weir.usage.fetched import Settled, account, is_slow
from weir.usage.later import Later

__all__ = ["UsageAddon"]

INLINE_CHARS_MAX, SETTLE_TIMEOUT_S = 2_000, 10.0  # tokenizing more characters leaves the event loop


class UsageAddon:
    """Reported usage wins; what a provider does not report is estimated from what was sent and received."""

    name = "usage"

    def __init__(self, state: State) -> None:
        self.state = state
        self._later = Later(state.data.path / "usage-later.db")

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """Ask for usage where a stream would not report it; its extra event is stripped for the client again."""
        trace = trace_of(flow)
        exchange = trace.exchange if trace else None
        if trace is None or exchange is None or flow.response or not trace.snapshot.settings.usage.ask:
            return
        if trace.dialect is None or not exchange.stream or exchange.asks_usage or not trace.body:
            return
        if not is_signed(flow.request) and (asked := trace.dialect.ask_usage(trace.body)) is not None:
            trace.body, trace.strip_usage = asked, True
            trace.set_body(flow)

    @guarded
    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Settle a reply that has ended. A WebSocket ends later."""
        return None if flow.websocket else self._settle(flow)

    @guarded
    def websocket_end(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Settle what all messages of a socket used."""
        return self._settle(flow)

    @guarded
    def error(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Settle what had passed when it was cut."""
        return self._settle(flow)

    def _settle(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if (trace := trace_of(flow)) is None or trace.usage or trace.exchange is None or not trace.forwarded_ns:
            return None
        reply, target = trace.reply or Reply(), target_of(trace, flow)
        work = partial(account, trace.exchange, reply, target, self.state.counter, trace.snapshot.prices, self._later)
        if is_slow(trace.exchange, reply, INLINE_CHARS_MAX):
            return self._settle_elsewhere(trace, work)
        _take(trace, work())
        return None

    async def _settle_elsewhere(self, trace: Trace, work: Callable[[], Settled]) -> None:
        _take(trace, await self.state.workers.run(work, timeout_s=SETTLE_TIMEOUT_S, lane="usage"))


def _take(trace: Trace, settled: Settled) -> None:
    trace.usage, cost, extra = settled
    trace.cost = (trace.socket.cost if trace.socket else None) or cost  # of its turns, each at its own price
    trace.extra = {**trace.extra, **extra}
