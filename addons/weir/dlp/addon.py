"""dlp in the chain: findings in the request, and the means to change its texts, lent to policy."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from mitmproxy import http

from weir.dlp.conversation import conversation_id
from weir.dlp.engine import Scan
from weir.dlp.mask import ConversationMasker
from weir.edge.callers import address_of
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.model import Inspection

__all__ = ["Dlp"]

INLINE_CHARS_MAX = 4096  # new characters; a scan of more leaves the event loop
INLINE_S = 0.02  # and so does one that turns out to take longer than any honest text
SMALL_CHARS_MAX = 64 * 1024  # new characters; what is longer must not keep such a prompt waiting
WEIGHED_CHARS_MAX = 1024 * 1024  # of more, or of more texts, not even the part that is new is worked out on the loop
WEIGHED_TEXTS_MAX = 2000
GRACE_S = 0.15  # a scan ends by itself when its time is up; this much later it is given up


class Dlp:
    """Scans every segment; a scan that could not be finished is `failed`, never clean."""

    name = "dlp"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Scan the request's texts."""
        trace = trace_of(flow)
        if trace is None or flow.response or trace.exchange is None:
            return None
        segments, engine = trace.exchange.segments, trace.snapshot.engine
        weighed = len(segments) <= WEIGHED_TEXTS_MAX and sum(len(s.text) for s in segments) <= WEIGHED_CHARS_MAX
        fresh = engine.estimate_chars(segments) if weighed else WEIGHED_CHARS_MAX
        if fresh <= INLINE_CHARS_MAX:
            scan = engine.scan(segments, deadline_s=INLINE_S)
            if not scan.out_of_time:
                self._take(trace, scan, self._conversation(trace, flow))
                return None
        return self._scan_elsewhere(trace, flow, "dlp-small" if fresh <= SMALL_CHARS_MAX else "dlp")

    async def _scan_elsewhere(self, trace: Trace, flow: http.HTTPFlow, lane: str) -> None:
        timeout = trace.snapshot.settings.dlp.timeout_ms / 1000
        end, who = time.monotonic() + timeout, trace.principal
        # A proven caller has one share from everywhere; an address alone may stand for many.
        owner = f"{who.method}:{who.user}:{who.key_id}" if who.strength > 1 else address_of(flow.client_conn)

        def work() -> tuple[Scan, str]:
            assert trace.exchange
            left = max(0.0, end - time.monotonic())  # waiting for a thread took some of it
            scan = trace.snapshot.engine.scan(trace.exchange.segments, deadline_s=left)
            return scan, self._conversation(trace, flow)

        self._take(trace, *await self.state.workers.run(work, timeout_s=timeout + GRACE_S, lane=lane, owner=owner))

    def _conversation(self, trace: Trace, flow: http.HTTPFlow) -> str:
        assert trace.exchange
        who = trace.principal
        tag = f"{who.method}:{who.user}:{who.app}:{who.key_id}:{address_of(flow.client_conn)}"
        return conversation_id(self.state.fingerprint_key, tag, trace.exchange.segments)

    def _take(self, trace: Trace, scan: Scan, conversation: str) -> None:
        trace.findings, trace.conversation = scan.findings, conversation
        if not scan.complete:
            trace.inspection, trace.reason = Inspection.FAILED, trace.failed or f"dlp: {scan.reason}"
        trace.masker = ConversationMasker(self.state.conversations.get(conversation))
