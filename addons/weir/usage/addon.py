"""usage in the chain: ask streams for their usage, then count tokens and money when the reply has ended."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime

from mitmproxy import http

from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.model import Cost, Reply, Usage
from weir.usage.account import settle

__all__ = ["UsageAddon"]

INLINE_CHARS_MAX = 2_000  # tokenizing more than this leaves the event loop
SETTLE_TIMEOUT_S = 10.0


class UsageAddon:
    """Reported usage wins; what a provider does not report is estimated from what was sent and received."""

    name = "usage"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """Ask for usage where a stream would not report it; its extra event is stripped for the client again."""
        trace = trace_of(flow)
        if trace is None or flow.response or not trace.snapshot.settings.usage.ask:
            return
        exchange = trace.exchange
        if trace.dialect is None or exchange is None or not exchange.stream or exchange.asks_usage or not trace.body:
            return
        if (asked := trace.dialect.ask_usage(trace.body)) is not None:
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
        trace = trace_of(flow)
        if trace is None or trace.usage or trace.exchange is None or not trace.forwarded_ns:
            return None
        # What the provider answered with, whatever the client got instead.
        answered = flow.response is not None and (trace.look or flow.response).status_code < 400
        reply = trace.reply or Reply()
        size = 0 if reply.usage else len(reply.text) + sum(len(s.text) for s in trace.exchange.segments)
        if size > INLINE_CHARS_MAX:
            return self._settle_elsewhere(trace, reply, answered)
        trace.usage, trace.cost = self._account(trace, reply, answered)
        return None

    async def _settle_elsewhere(self, trace: Trace, reply: Reply, answered: bool) -> None:
        run, work = self.state.workers.run, self._account
        trace.usage, trace.cost = await run(work, trace, reply, answered, timeout_s=SETTLE_TIMEOUT_S, lane="usage")

    def _account(self, trace: Trace, reply: Reply, answered: bool) -> tuple[Usage, Cost]:
        assert trace.exchange
        provider = trace.provider.id if trace.provider else trace.service.id
        at, counter, prices, media = datetime.now(UTC), self.state.counter, trace.snapshot.prices, trace.media.tokens
        return settle(trace.exchange, reply, counter, prices, provider, at, answered=answered, media=media)
