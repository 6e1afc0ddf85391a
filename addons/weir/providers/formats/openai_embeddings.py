"""OpenAI embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from weir.model import Exchange
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import openai_usage, token_ids
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["OpenAIEmbeddings"]


class OpenAIEmbeddings(BaseDialect):
    """``/v1/embeddings``: texts in, numbers out."""

    id = "openai_embeddings"
    sections: ClassVar = {"input": "user"}
    scalars: ClassVar = {"dimensions": "dimensions", "encoding_format": "encoding_format"}

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """The input may be given as token ids."""
        yield token_ids(document.get("input"))

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return _EmbeddingEvents()


class _EmbeddingEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.whole(doc, notes)
        return NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), finish_reason="error" if doc.get("error") else "")
        notes.usage = openai_usage(doc.get("usage")) or notes.usage

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc
