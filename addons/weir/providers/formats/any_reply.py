"""Replies of hosts that serve models of many makers: whose format a document is in shows in its members."""

from __future__ import annotations

from typing import Final

from weir.model import Exchange
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.formats.gemini_generate import GeminiGenerate
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.formats.openai_responses import OpenAIResponses
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["ShapeEvents"]

_ANTHROPIC: Final = frozenset(
    {"message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta"}
    | {"content_block_stop", "ping", "message"}
)


class ShapeEvents:
    """Reads each document as its maker's; one that has nobody's shape is read by ``rest``."""

    array = False
    end_marks = frozenset({b"[DONE]"})

    def __init__(self, exchange: Exchange, rest: Events) -> None:
        self._rest = rest
        self._anthropic = AnthropicMessages().events(exchange)
        self._chat = OpenAIChat().events(exchange)
        self._responses = OpenAIResponses().events(exchange)
        self._gemini = GeminiGenerate().events(exchange)

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        """See `Events`."""
        return self._of(doc).event(name, doc, notes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        """See `Events`."""
        self._of(doc).whole(doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        """See `Events`."""
        return self._of(doc).tail(doc, place, text)

    def _of(self, doc: JsonObject) -> Events:
        kind = get_text(doc, "type")
        if kind in _ANTHROPIC:
            return self._anthropic
        if isinstance(doc.get("choices"), list):
            return self._chat
        if kind.startswith("response.") or doc.get("object") == "response":
            return self._responses
        return self._gemini if isinstance(doc.get("candidates"), list) else self._rest
