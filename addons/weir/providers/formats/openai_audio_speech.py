"""OpenAI speech: a text in, sound out; the sound as it is, or in events."""

from __future__ import annotations

from typing import ClassVar

from weir.model import Exchange
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["OpenAIAudioSpeech"]


class OpenAIAudioSpeech(BaseDialect):
    """``/v1/audio/speech``."""

    id = "openai_audio_speech"
    sections: ClassVar = {"input": "user", "instructions": "system"}
    scalars: ClassVar = {"speed": "speed", "response_format": "response_format", "stream_format": "stream_format"}

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _SpeechEvents()


class _SpeechEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset({b"[DONE]"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind == "speech.audio.delta":  # its only text is sound in base64
            return NO_STEP
        self.whole(doc, notes)
        notes.complete = notes.complete or kind == "speech.audio.done"
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), finish_reason="error" if doc.get("error") else "")
        notes.usage = openai_usage(doc.get("usage")) or notes.usage

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc
