"""Hugging Face's own interface and that of its text generation server: ``inputs`` and ``parameters``."""

from __future__ import annotations

from typing import ClassVar

from weir.model import Exchange, Usage
from weir.providers.formats.any_reply import ShapeEvents
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.formats.flat import FlatEvents
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text

__all__ = ["GeneratedEvents", "HuggingFace"]


class HuggingFace(BaseDialect):
    """``/models/{model}``, ``/generate`` and ``/generate_stream``; a task's input is a text or an object of texts."""

    id = "huggingface"
    sections: ClassVar = {
        **OpenAIChat.sections,
        "inputs": "user",
        "text": "user",
        "query": "user",
        "texts": "user",
        "system": "system",
    }
    members: ClassVar = {"generated_responses": "assistant"}
    scalars: ClassVar = {**OpenAIChat.scalars, "max_new_tokens": "max_tokens", "top_k": "top_k"}

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of the request and of its ``parameters``."""
        return scalars_of(document, self.scalars) | scalars_of(get_object(document, "parameters"), self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return ShapeEvents(exchange, GeneratedEvents())

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """The error body, which may be an event of a stream too."""
        kind = "overloaded" if status == 429 else "validation"
        return compact({"error": self.say(message, rule_id), "error_type": kind})


class GeneratedEvents(FlatEvents):
    """Tokens one by one; the last event has the whole text once more and says how it ended."""

    skip: ClassVar = FlatEvents.skip | {"details"}

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        token = doc.get("token")
        if not isinstance(token, dict) or doc.get("error"):
            return super().event(name, doc, notes)
        self._details(doc, notes)
        text, last = get_text(token, "text"), get_text(doc, "generated_text")
        over = bool(last) or isinstance(doc.get("details"), dict)
        notes.complete = notes.complete or over
        # Marks of the beginning and the end are tokens, but nothing that the model says: clients leave them out.
        special = token.get("special") is True
        places = [Place("/token/text", "mark" if special else "text", text, kept=not special)] if text else []
        ends = ("",) if over else ("text",) if special else ()
        return Step(places, ends=ends, wholes=[("/generated_text", last)] if last else ())

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        if place.pointer != "/token/text":
            return super().tail(doc, place, text)
        return {**doc, "token": {**get_object(doc, "token"), "text": text}, "generated_text": None, "details": None}

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        over = super().head(doc, notes)
        self._details(doc, notes)
        return over

    @staticmethod
    def _details(doc: JsonObject, notes: Notes) -> None:
        details = get_object(doc, "details")
        if not details:
            return
        notes.name(finish_reason=get_text(details, "finish_reason"))
        # How long the prompt was is told by some servers only; half a report would be taken for a whole one.
        prefill: list[Json] = get_list(details, "prefill")
        asked = get_count(details, "input_length", "prompt_tokens") or len(prefill)
        if asked:
            given = get_count(details, "generated_tokens")
            notes.usage = Usage(input_tokens=asked, output_tokens=given, source="reported")
