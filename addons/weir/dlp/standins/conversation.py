"""Names the conversation that an exchange belongs to, so that its next turn finds the same pseudonyms.

A client that sends its history is known by how that begins. Where the provider keeps the earlier turns
(`previous_response_id`, `conversation`) the request shows nothing of them: there the conversation is the one that the
named reply belongs to, and the placeholders that the provider has seen in it may come back.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from weir.dlp.standins.conversations import Conversations, Link
from weir.dlp.standins.leftovers import Rescan
from weir.dlp.standins.mask import ConversationMasker
from weir.dlp.standins.pseudonyms import TAGS
from weir.keyed import keyed
from weir.model import Exchange, Segment
from weir.sections import Pseudonyms

__all__ = ["conversation_id", "kept_by_provider", "masker_for"]

# Operations that go on where the provider left off. Elsewhere members of these names are a client's own words.
_STATEFUL = frozenset({"responses", "compact", "interactions"})
_AFTER = ("previous_response_id", "previous_interaction_id")
_WITHIN = "conversation"


def conversation_id(key: bytes, principal_tag: str, exchange_segments: Sequence[Segment]) -> str:
    """A keyed digest (32 hex digits) of the caller, the opening instructions and the first user message.

    These are what a client repeats on every turn. ``principal_tag`` names the caller; two callers never share a
    conversation, whatever they say. Without a user message the first text of any role stands in for it.
    """
    opening: list[Segment] = []
    for segment in exchange_segments:
        if segment.role in ("system", "user"):
            opening.append(segment)
        if segment.role == "user":
            break
    texts = (text for s in opening or exchange_segments[:1] for text in (s.role, s.text))
    return _digest(key, principal_tag, *texts)


def kept_by_provider(operation: str, body: bytes | None) -> tuple[str, str]:
    """The reply after which a request goes on, and the conversation it goes on in; "" for what it does not name."""
    if operation not in _STATEFUL or not body or not any(b'"%s"' % n.encode() in body for n in (*_AFTER, _WITHIN)):
        return "", ""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    after = next((value for name in _AFTER if isinstance(value := document.get(name), str) and value), "")
    within = document.get(_WITHIN)
    if isinstance(within, dict):
        within = within.get("id")
    return after, within if isinstance(within, str) else ""


def masker_for(
    conversations: Conversations,
    settings: Pseudonyms,
    key: bytes,
    principal_tag: str,
    exchange: Exchange,
    body: bytes | None,
    rescan: Rescan | None = None,
) -> ConversationMasker:
    """The masker for an exchange, with the conversation that it belongs to. ``body`` is decoded.

    It may read a record from disk (some 50 µs), and parses ``body`` when that names an earlier reply.
    """
    hours, keep = settings.hours, settings.keep
    after, within = kept_by_provider(exchange.endpoint.operation, body)
    link, tag = Link(conversation_id(key, principal_tag, exchange.segments)), ""
    if within:
        link = Link(_digest(key, principal_tag, "within", within))
    elif after:
        known = conversations.linked(principal_tag, after, hours=hours, keep=keep)
        if known is None:
            # Of what the provider has seen nothing is known any more: a form of its own keeps clear of that.
            link = Link(_digest(key, principal_tag, "after", after))
            tag = TAGS[1 + int(link.conversation, 16) % (len(TAGS) - 1)]
        link = known or link
    names = conversations.begun(link.conversation, hours=hours, keep=keep, tag=tag)
    stateful = exchange.endpoint.operation in _STATEFUL

    def answered(response_id: str, seen: frozenset[str]) -> None:
        if response_id and (seen or stateful):
            conversations.link(principal_tag, response_id, Link(link.conversation, seen), hours=hours, keep=keep)

    earlier = names.names() if within else link.names
    return ConversationMasker(names, link.conversation, earlier, exchange.segments, answered, rescan)


def _digest(key: bytes, *parts: str) -> str:
    datas = [part.encode("utf-8", "surrogatepass") for part in parts]
    data = b"".join([piece for data in datas for piece in (len(data).to_bytes(8), data)])
    return keyed(key).digest(data).hex()[:32]
