"""Cloudflare Workers AI: a model's own input, and replies within an envelope."""

from __future__ import annotations

from typing import ClassVar, Final

from weir.model import Exchange
from weir.providers.formats.any_reply import ShapeEvents
from weir.providers.formats.base import compact
from weir.providers.formats.flat import FlatEvents
from weir.providers.formats.prompt_json import PromptJson
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import Json, JsonObject, get_list, get_object, get_text

__all__ = ["WorkersAI"]

_RESULT: Final = "result"
_CODES: Final = {401: 10000, 403: 9109, 429: 3036}


class WorkersAI(PromptJson):
    """``/client/v4/accounts/{id}/ai/run/{model}``; a stream comes without the envelope."""

    id = "workers_ai"

    def __init__(self) -> None:
        super().__init__(self.id)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _ResultEvents(ShapeEvents(exchange, _RunEvents()))

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Cloudflare's envelope with an error in it."""
        error: Json = {"code": _CODES.get(status, 5006), "message": self.say(message, rule_id)}
        return compact({"result": None, "success": False, "errors": [error], "messages": []})


class _RunEvents(FlatEvents):
    """``response`` goes on from event to event; beside it stands filling that hides how long it is."""

    said: ClassVar = frozenset({"response", "text", "translated_text", "summary", "description", "arguments"})
    skip: ClassVar = frozenset({"p", "image", "audio", "usage", "words", "vtt", "shape", "data"})

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        over = super().head(doc, notes)
        for at, call in notes.each(get_list(doc, "tool_calls")):
            notes.call(str(at), get_text(call, "id"), get_text(call, "name"))
        return over


class _ResultEvents:
    """The envelope's ``result`` is read as the model's reply; text in a plain ``result`` is one too."""

    array = False
    end_marks = frozenset({b"[DONE]"})

    def __init__(self, events: Events) -> None:
        self._events = events

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if doc.get("success") is False:
            self.whole(doc, notes)
            return Step(ends=("",), wholes=(("", doc),))
        return self._events.event(name, doc, notes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        if doc.get("success") is False:
            notes.name(finish_reason="error")
        inner = doc.get(_RESULT)
        if isinstance(inner, str):
            notes.keep(inner)
        self._events.whole(get_object(doc, _RESULT) if _RESULT in doc else doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return self._events.tail(doc, place, text)
