"""dlp in the chain: findings in the request, and the means to change its texts, lent to policy."""

from __future__ import annotations

from mitmproxy import http

from weir.dlp.conversation import conversation_id
from weir.dlp.mask import ConversationMasker
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.model import Inspection

__all__ = ["Dlp"]

INLINE_CHARS_MAX = 4096  # new characters; a scan of more leaves the event loop


class Dlp:
    """Scans every segment; a scan that could not be finished is `failed`, never clean."""

    name = "dlp"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    async def request(self, flow: http.HTTPFlow) -> None:
        """Scan the request's texts."""
        trace = trace_of(flow)
        if trace is None or flow.response or trace.exchange is None:
            return
        segments = trace.exchange.segments
        engine = trace.snapshot.engine
        if engine.estimate_chars(segments) <= INLINE_CHARS_MAX:
            scan = engine.scan(segments)
        else:
            timeout = trace.snapshot.settings.dlp.timeout_ms / 1000
            scan = await self.state.workers.run(engine.scan, segments, timeout_s=timeout)
        trace.findings = scan.findings
        if not scan.complete:
            trace.inspection, trace.reason = Inspection.FAILED, f"dlp: {scan.reason}"
        who = trace.principal
        tag = f"{who.method}:{who.user}:{who.app}:{who.key_id}:{flow.client_conn.peername[0]}"
        trace.conversation = conversation_id(self.state.fingerprint_key, tag, segments)
        trace.masker = ConversationMasker(self.state.conversations.get(trace.conversation))
