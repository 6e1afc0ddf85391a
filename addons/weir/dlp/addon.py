"""dlp in the chain: findings in the request, and the means to change its texts, lent to policy."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from weir.dlp.conversation import conversation_id
from weir.dlp.engine import Scan
from weir.dlp.mask import ConversationMasker
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.model import Inspection

__all__ = ["Dlp"]

INLINE_CHARS_MAX = 4096  # new characters; a scan of more leaves the event loop


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
        segments = trace.exchange.segments
        if trace.snapshot.engine.estimate_chars(segments) > INLINE_CHARS_MAX:
            return self._scan_elsewhere(trace, flow)
        self._take(trace, flow, trace.snapshot.engine.scan(segments))
        return None

    async def _scan_elsewhere(self, trace: Trace, flow: http.HTTPFlow) -> None:
        assert trace.exchange
        timeout = trace.snapshot.settings.dlp.timeout_ms / 1000
        scan = await self.state.workers.run(trace.snapshot.engine.scan, trace.exchange.segments, timeout_s=timeout)
        self._take(trace, flow, scan)

    def _take(self, trace: Trace, flow: http.HTTPFlow, scan: Scan) -> None:
        assert trace.exchange
        trace.findings = scan.findings
        if not scan.complete:
            trace.inspection, trace.reason = Inspection.FAILED, trace.failed or f"dlp: {scan.reason}"
        who, address = trace.principal, flow.client_conn.peername[0] if flow.client_conn.peername else ""
        tag = f"{who.method}:{who.user}:{who.app}:{who.key_id}:{address}"
        trace.conversation = conversation_id(self.state.fingerprint_key, tag, trace.exchange.segments)
        trace.masker = ConversationMasker(self.state.conversations.get(trace.conversation))
