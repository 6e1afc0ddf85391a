"""Which conversation an exchange is a turn of: where its pseudonyms come from, and what its reply is remembered by."""

from __future__ import annotations

from collections.abc import Sequence

from mitmproxy import http

from weir.dlp.standins.conversation import masker_for
from weir.dlp.standins.mask import ConversationMasker
from weir.edge.identity.who import address_of
from weir.edge.trace import Trace
from weir.model import Finding, Segment

__all__ = ["masker_of", "remember", "tag_of"]


def tag_of(trace: Trace, flow: http.HTTPFlow) -> str:
    """Names the caller as exactly as it is known: what one tag is given, no other gets."""
    who = trace.principal
    return f"{who.method}:{who.user}:{who.app}:{who.key_id}:{address_of(flow.client_conn)}"


def masker_of(trace: Trace, flow: http.HTTPFlow) -> ConversationMasker:
    """The masker of an exchange that has been read. It may read a record from disk; any thread may ask."""
    assert trace.exchange
    state, tag = trace.state, tag_of(trace, flow)
    dlp, engine = trace.snapshot.settings.dlp, trace.snapshot.engine

    def rescan(segments: Sequence[Segment]) -> Sequence[Finding]:
        scan = engine.scan(segments, deadline_s=dlp.timeout_ms / 1000)
        if not scan.complete:  # what an edit left behind is not known, so nothing of it may go
            raise ValueError(f"after an edit: {scan.reason}")
        return scan.findings

    key, exchange = state.fingerprint_key, trace.exchange
    return masker_for(state.conversations, dlp.pseudonyms, key, tag, exchange, trace.body, rescan)


def remember(trace: Trace) -> None:
    """A request may go on from this reply where the provider keeps the turns: it finds its pseudonyms then."""
    if trace.acted and trace.reply and isinstance(trace.masker, ConversationMasker):
        trace.masker.answered(trace.reply.response_id)
