"""OpenAI moderations: texts and pictures in, scores out."""

from __future__ import annotations

from typing import ClassVar

from weir.model import Exchange
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["OpenAIModerations"]


class OpenAIModerations(BaseDialect):
    """``/v1/moderations``."""

    id = "openai_moderations"
    sections: ClassVar = {"input": "user"}

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return _ModerationEvents()


class _ModerationEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.whole(doc, notes)
        return NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"))
        notes.name(finish_reason="error" if doc.get("error") else "")
        notes.usage = openai_usage(doc.get("usage")) or notes.usage

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc
