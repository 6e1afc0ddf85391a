"""Anthropic's first interface: one prompt in, its completion out. It reports no usage."""

from __future__ import annotations

from typing import ClassVar, Final

from weir.model import Exchange
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["AnthropicComplete"]

_KEPT: Final = frozenset({"type", "id", "model", "log_id"})


class AnthropicComplete(AnthropicMessages):
    """``/v1/complete``."""

    id = "anthropic_complete"
    sections: ClassVar = {"prompt": "user"}
    scalars: ClassVar = {
        "max_tokens_to_sample": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "stream": "stream",
    }

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _CompleteEvents()


class _CompleteEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind == "ping":
            return NO_STEP
        self._head(doc, notes)
        said, ended = get_text(doc, "completion"), bool(get_text(doc, "stop_reason"))
        notes.complete = notes.complete or ended
        if kind == "error":
            return Step(ends=("",), wholes=(("", doc),))
        places = (Place("/completion", "completion", said),) if said else ()
        return Step(places, ends=("",) if ended else ())

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._head(doc, notes)
        notes.keep(get_text(doc, "completion"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return {**{key: value for key, value in doc.items() if key in _KEPT}, "completion": text, "stop_reason": None}

    @staticmethod
    def _head(doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"))
        notes.name(finish_reason="error" if doc.get("error") else get_text(doc, "stop_reason"))
