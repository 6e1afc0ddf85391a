"""Cohere's embeddings and reranking: texts in, numbers out."""

from __future__ import annotations

from typing import ClassVar

from weir.model import Exchange, Usage
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.cohere_chat import cohere_error, cohere_usage
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_count, get_object, get_text

__all__ = ["CohereEmbed"]


class CohereEmbed(BaseDialect):
    """``/v2/embed`` and ``/v2/rerank``, their first versions, and tokenizing; others have taken the latter over."""

    id = "cohere_embed"
    sections: ClassVar = {"texts": "user", "inputs": "user", "query": "user", "documents": "user", "text": "user"}
    scalars: ClassVar = {"output_dimension": "dimensions", "top_n": "top_n", "input_type": "input_type"}

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return _EmbedEvents()

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Cohere's error body."""
        return cohere_error(self.say(message, rule_id))


class _EmbedEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.whole(doc, notes)
        return NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"))
        notes.name(finish_reason="error" if get_text(doc, "message") or doc.get("error") else "")
        notes.usage = cohere_usage(doc.get("meta")) or openai_usage(doc.get("usage")) or notes.usage
        total = get_count(get_object(doc, "usage"), "total_tokens")
        if total and notes.usage is not None and not notes.usage.input_tokens:
            notes.usage = Usage(input_tokens=total, source="reported")

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc
