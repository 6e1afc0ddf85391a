"""Which conversation an exchange is a turn of: where its pseudonyms come from, and what its reply is remembered by."""

from __future__ import annotations

from mitmproxy import http

from weir.dlp.conversation import masker_for
from weir.dlp.mask import ConversationMasker
from weir.edge.callers import address_of
from weir.edge.trace import Trace

__all__ = ["masker_of", "remember", "tag_of"]


def tag_of(trace: Trace, flow: http.HTTPFlow) -> str:
    """Names the caller as exactly as it is known: what one tag is given, no other gets."""
    who = trace.principal
    return f"{who.method}:{who.user}:{who.app}:{who.key_id}:{address_of(flow.client_conn)}"


def masker_of(trace: Trace, flow: http.HTTPFlow) -> ConversationMasker:
    """The masker of an exchange that has been read. It may read a record from disk; any thread may ask."""
    assert trace.exchange
    state, tag = trace.state, tag_of(trace, flow)
    kept = trace.snapshot.settings.dlp.pseudonyms
    return masker_for(state.conversations, kept, state.fingerprint_key, tag, trace.exchange, trace.body)


def remember(trace: Trace) -> None:
    """A request may go on from this reply where the provider keeps the turns: it finds its pseudonyms then."""
    if trace.acted and trace.reply and isinstance(trace.masker, ConversationMasker):
        trace.masker.answered(trace.reply.response_id)
