"""Grok's own page and the one within X: a message in, lines of JSON out. Undocumented, so as well as can be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.wire.values import JsonObject, compact, get_list, get_object, get_text, skeleton
from weir.providers.wire.words import plausible_model

__all__ = ["GrokWeb"]

_LINES: Final = "application/x-ndjson"
_ON_THE_WAY: Final = frozenset({"isThinking", "isSoftStop", "messageTag", "responseId", "sender", "userChatItemId"})


class GrokWeb(BaseDialect):
    """``/rest/app-chat/conversations/new``, ``…/{id}/responses`` and X's ``add_response.json``."""

    id = "grok_web"
    sections: ClassVar = {"message": "user", "responses": "user", "customInstructions": "system"}
    scalars: ClassVar = {"isReasoning": "reasoning", "temporary": "temporary", "modelMode": "mode"}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As a body; the answer always streams."""
        return replace(super().parse(body, endpoint), stream=True)

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any; the model goes by other names here."""
        exchange = super().read(document, endpoint)
        named = get_text(document, "modelName") or get_text(document, "grokModelOptionId")
        return replace(exchange, model=exchange.model or plausible_model(named))

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Earlier turns, and files that were uploaded before."""
        if document.get("parentResponseId") or document.get("conversationId"):
            yield "earlier turns kept by the provider"
        turns = [document, *get_list(document, "responses")]
        if any(get_list(turn, name) for turn in turns for name in ("fileAttachments", "imageAttachments")):
            yield "file kept by the provider"

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _GrokEvents()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for lines of JSON, which go by the name of one document here."""
        return EventReader(self.events(exchange), _LINES, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Its error body, which may be a line of a stream too."""
        return compact({"error": {"code": 7, "message": self.say(message, rule_id), "details": []}})


class _GrokEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if doc.get("error"):
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        result = get_object(doc, "result")
        inner, pointer = get_object(result, "response"), "/result/response"
        if not inner:
            inner, pointer = result, "/result"
        final = get_object(inner, "modelResponse")
        model = get_text(final, "model") or get_text(get_object(inner, "llmInfo"), "modelHash")
        notes.name(model=model, response_id=get_text(inner, "responseId"))
        member = "token" if "token" in inner else "message"
        text = inner.get(member)
        if final:
            notes.complete = True
            notes.name(finish_reason="stop")
            if not notes.has_text:
                notes.keep(get_text(final, "message"))
            return Step(ends=("",), wholes=(("", doc),))
        if isinstance(text, str) and get_text(inner, "sender").lower() not in ("user", "human"):
            channel = "thinking" if inner.get("isThinking") is True else "text"
            ends = ["thinking"] if channel == "text" else []
            if inner.get("isSoftStop") is True:
                notes.complete = True
                ends = [""]
            return Step([Place(f"{pointer}/{member}", channel, text)] if text else [], ends)
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self.event("", doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc
