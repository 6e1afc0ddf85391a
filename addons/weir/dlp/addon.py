"""dlp in the chain: findings in the request, and the means to change its texts, lent to policy."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from mitmproxy import http

from weir.dlp.core.engine import Scan
from weir.dlp.standins.mask import ConversationMasker
from weir.edge.guard import guarded
from weir.edge.identity.who import address_of
from weir.edge.parts import is_light, read_files
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.edge.websockets.turns import masker_of, remember
from weir.model import Inspection

__all__ = ["Dlp"]

INLINE_CHARS_MAX = 4096  # new characters; a whole scan of more leaves the event loop
INLINE_S = 0.02  # and so does one that turns out to take longer than any honest text
GLANCE_CHARS_MAX = 40 * 1024  # a glance at so many (0.5 ms) is sooner done than they are handed over
SMALL_CHARS_MAX = 64 * 1024  # new characters; what is longer must not keep such a prompt waiting
GRACE_S = 0.15  # a scan ends by itself when its time is up; this much later it is given up


class Dlp:
    """Scans every segment; a scan that could not be finished is `failed`, never clean."""

    name = "dlp"

    def __init__(self, state: State) -> None:
        self.state = state

    def running(self) -> None:
        """Processes for long texts: a start does not wait for them."""
        self.state.snapshot.engine.start()

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Scan the request's texts."""
        trace = trace_of(flow)
        if trace is None or flow.response or trace.exchange is None:
            return None
        segments, engine = trace.exchange.segments, trace.snapshot.engine
        enough = 0 if engine.slow else GLANCE_CHARS_MAX
        fresh = engine.estimate_chars(segments, enough) if is_light(trace.exchange) else SMALL_CHARS_MAX + 1
        if fresh <= enough:
            scan = trace.scan(segments, INLINE_S, glance=None if fresh <= INLINE_CHARS_MAX else INLINE_CHARS_MAX)
            if not scan.out_of_time:
                self._take(trace, scan, masker_of(trace, flow))
                return None
        return self._scan_elsewhere(trace, flow, "dlp-small" if fresh <= SMALL_CHARS_MAX else "dlp")

    @guarded
    def response(self, flow: http.HTTPFlow) -> None:
        """Remember which conversation the reply belongs to."""
        if (trace := trace_of(flow)) is not None:
            remember(trace)

    async def _scan_elsewhere(self, trace: Trace, flow: http.HTTPFlow, lane: str) -> None:
        timeout = trace.snapshot.settings.dlp.timeout_ms / 1000
        end, who = time.monotonic() + timeout, trace.principal
        # A proven caller has one share from everywhere; an address alone may stand for many.
        owner = f"{who.method}:{who.user}:{who.key_id}" if who.strength > 1 else address_of(flow.client_conn)

        def work() -> tuple[Scan, ConversationMasker]:
            read_files(trace, end)
            assert trace.exchange
            left = max(0.0, end - time.monotonic())  # waiting for a thread took some of it
            return trace.scan(trace.exchange.segments, left), masker_of(trace, flow)

        self._take(trace, *await self.state.workers.run(work, timeout_s=timeout + GRACE_S, lane=lane, owner=owner))

    def _take(self, trace: Trace, scan: Scan, masker: ConversationMasker) -> None:
        trace.findings, trace.masker, trace.conversation = scan.findings, masker, masker.conversation
        if not scan.complete:
            trace.inspection, trace.reason = Inspection.FAILED, trace.failed or f"dlp: {scan.reason}"
