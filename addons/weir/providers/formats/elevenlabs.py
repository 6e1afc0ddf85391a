"""ElevenLabs: texts that are to be spoken, sounds that are to be made, agents, and speech that becomes text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Usage
from weir.providers.formats.base import BaseDialect, compact
from weir.providers.formats.flat import FlatEvents
from weir.providers.replies.notes import Events, Notes
from weir.providers.wire.values import JsonObject, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["ElevenLabs"]

_STATUS: Final = {401: "invalid_api_key", 403: "forbidden", 404: "not_found", 429: "too_many_concurrent_requests"}


class ElevenLabs(BaseDialect):
    """``/v1/text-to-speech/{voice}`` and its siblings.

    What they cost is told in characters, by a header (``character-cost``). Those are no tokens: they are recorded as
    what they are.
    """

    id = "elevenlabs"
    sections: ClassVar = {
        **dict.fromkeys(("text", "inputs", "prompt", "previous_text", "next_text", "voice_description"), "user"),
        **dict.fromkeys(("lyrics", "composition_plan", "simulation_specification"), "user"),
        "conversation_config": "system",
    }
    members: ClassVar = {"tools": "tool_definition"}
    scalars: ClassVar = {
        "seed": "seed",
        "language_code": "language",
        "duration_seconds": "seconds",
        "music_length_ms": "milliseconds",
    }

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; the model is ``model_id``."""
        exchange = super().read(document, endpoint)
        return replace(exchange, model=exchange.model or plausible_model(get_text(document, "model_id")))

    def header_usage(self, headers: Mapping[str, str]) -> Usage | None:
        """The characters that were charged."""
        said = headers.get("character-cost", "").strip()
        if not (said.isascii() and said.isdecimal() and len(said) < 12 and int(said)):
            return None
        return Usage(source="reported", parts=(("input_characters", int(said)),))

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _SpeechEvents()

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """ElevenLabs' error body."""
        detail: JsonObject = {"status": _STATUS.get(status, "invalid_request"), "message": self.say(message, rule_id)}
        return compact({"detail": detail})


class _SpeechEvents(FlatEvents):
    """Transcripts; of speech with the time of each letter, only that it is sound."""

    said: ClassVar = frozenset({"text"})
    skip: ClassVar = frozenset({"audio_base64", "alignment", "normalized_alignment", "words", "entities"})

    def failed(self, doc: JsonObject) -> bool:
        return "detail" in doc

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        if "audio_base64" in doc:
            notes.mark(Inspection.PARTIAL, "audio")
        notes.name(response_id=get_text(doc, "transcription_id") or get_text(doc, "request_id"))
        return False
