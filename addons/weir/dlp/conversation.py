"""Names the conversation that an exchange belongs to, so that its next turn finds the same pseudonyms."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from weir.model import Segment

__all__ = ["conversation_id"]


def conversation_id(key: bytes, principal_tag: str, exchange_segments: Sequence[Segment]) -> str:
    """A keyed digest (32 hex digits) of the caller, the opening instructions and the first user message.

    These are what a client repeats on every turn. ``principal_tag`` names the caller; two callers never share a
    conversation, whatever they say. Without a user message the first text of any role stands in for it.
    """
    mac = hmac.new(key, digestmod="sha256")
    opening: list[Segment] = []
    for segment in exchange_segments:
        if segment.role in ("system", "user"):
            opening.append(segment)
        if segment.role == "user":
            break
    for part in (principal_tag, *(text for s in opening or exchange_segments[:1] for text in (s.role, s.text))):
        data = part.encode("utf-8", "surrogatepass")
        mac.update(len(data).to_bytes(8) + data)
    return mac.hexdigest()[:32]
