"""Snowflake Cortex: completions close to OpenAI's, whose deltas say each text up to three times."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from weir.model import Endpoint, Exchange
from weir.providers.formats.base import compact
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject

__all__ = ["SnowflakeCortex"]


class SnowflakeCortex(OpenAIChat):
    """``/api/v2/cortex/inference:complete``."""

    id = "snowflake_cortex"
    sections: ClassVar = {**OpenAIChat.sections, "input": "user", "text": "user", "query": "user"}

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; it streams unless told otherwise, and its streams report usage unasked."""
        exchange = super().read(document, endpoint)
        return replace(exchange, stream=document.get("stream") is not False, asks_usage=True)

    def ask_usage(self, body: bytes) -> bytes | None:
        """None: usage comes unasked."""
        return None

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _CortexEvents(super().events(exchange))

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Snowflake's error body."""
        return compact({"code": str(status), "message": self.say(message, rule_id), "request_id": rule_id})


class _CortexEvents:
    """As chat completions; of what a delta or a message repeats, ``content`` is what is kept."""

    array = False
    end_marks = frozenset({b"[DONE]"})

    def __init__(self, events: Events) -> None:
        self._events = events

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if "choices" not in doc and doc.get("message"):
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        step = self._events.event(name, doc, notes)
        # Nothing else tells that a stream is over.
        notes.complete = notes.complete or bool(doc.get("usage"))
        said = {place.channel for place in step.places}
        return step._replace(places=[place._replace(kept=_is_first(place, said)) for place in step.places])

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.keep_all(self.event("", doc, notes).places)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return self._events.tail(doc, place, text)


def _is_first(place: Place, said: set[str]) -> bool:
    """Whether no other place of its event says the same before it."""
    choice, _, member = place.channel.partition("..")
    if member == "content" or f"{choice}..content" not in said:
        return place.kept
    return place.kept and member != "text" and not member.startswith("content_list.")
