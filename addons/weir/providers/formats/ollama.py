"""Ollama's own interface: chat, generate and embed, with replies as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Usage
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.formats.openai_chat import token_ids
from weir.providers.replies.anystream import any_step
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["Ollama"]

_LINES: Final = "application/x-ndjson"
_ON_THE_WAY: Final = frozenset({"model", "created_at", "role"})
_STREAMS: Final = frozenset({"chat", "completions"})  # unless told otherwise
_PLACES: Final = (
    ("thinking", "/message/thinking", "thinking"),
    ("thinking", "/thinking", "thinking"),
    ("text", "/message/content", "content"),
    ("text", "/response", "response"),
)


class Ollama(BaseDialect):
    """``/api/chat``, ``/api/generate``, ``/api/embed`` and what makes and fetches models."""

    id = "ollama"
    sections: ClassVar = {
        "messages": "user",
        "prompt": "user",
        "suffix": "user",
        "input": "user",
        "system": "system",
        "template": "system",
        "tools": "tool_definition",
    }
    members: ClassVar = {"tool_calls": "assistant"}
    scalars: ClassVar = {
        "num_predict": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "seed": "seed",
        "num_ctx": "num_ctx",
        "stream": "stream",
        "think": "think",
        "dimensions": "dimensions",
    }

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As a body. A request that says nothing of streaming gets a stream."""
        exchange = super().parse(body, endpoint)
        unasked = endpoint.operation in _STREAMS and exchange.parameters.get("stream") is not False
        return replace(exchange, stream=True) if unasked else exchange

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Earlier turns may be given as token ids."""
        yield token_ids(document.get("context"))

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of the request and of its ``options``."""
        return scalars_of(document, self.scalars) | scalars_of(get_object(document, "options"), self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _OllamaEvents()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for lines of JSON, also where a proxy on the way has lost what they are called."""
        known = content_type.partition(";")[0].strip().lower()
        kind = _LINES if exchange.stream and known in ("", "text/plain", "application/octet-stream") else content_type
        return EventReader(self.events(exchange), kind, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Ollama's error body, which may be the last line of a stream too."""
        return compact({"error": self.say(message, rule_id)})


class _OllamaEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if not isinstance(doc.get("done"), bool):
            self._head(doc, notes)
            # Progress of a download, an error, or somebody else's stream.
            return Step(ends=("",), wholes=(("", doc),)) if doc.get("error") else any_step(doc, notes)
        self._head(doc, notes)
        places = _places(doc)
        calls = get_object(doc, "message").get("tool_calls")
        # Thoughts, answer and calls follow each other: what is held back of one goes before the next.
        ends = ["thinking"] if any(p.channel == "text" for p in places) else ["thinking", "text"] if calls else []
        ends = [""] if doc["done"] else ends
        return Step(places, ends, [("/message/tool_calls", calls)] if calls else ())

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._head(doc, notes)
        notes.keep_all(_places(doc))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        if not isinstance(cut, dict):
            return doc
        # Clients add these up without asking whether they are there.
        if isinstance(cut.get("message"), dict):
            cut["message"] = {"content": "", **get_object(cut, "message")}
        elif "response" in doc:
            cut.setdefault("response", "")
        return {**cut, "done": False} if "done" in doc else cut

    @staticmethod
    def _head(doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), finish_reason=get_text(doc, "done_reason"))
        if doc.get("error"):
            notes.name(finish_reason="error")
        if doc.get("done") is True:
            notes.complete = True
        if "prompt_eval_count" in doc or "eval_count" in doc:
            asked, made = get_count(doc, "prompt_eval_count"), get_count(doc, "eval_count")
            notes.usage = Usage(input_tokens=asked, output_tokens=made, source="reported")
        for at, call in notes.each(get_list(get_object(doc, "message"), "tool_calls")):
            _call(call, at, notes)


def _places(doc: JsonObject) -> list[Place]:
    found: list[Place] = []
    for channel, pointer, name in _PLACES:
        holder: Json = doc.get("message") if pointer.startswith("/message/") else doc
        text = get_text(holder, name)
        if text:
            found.append(Place(pointer, channel, text))
    return found


def _call(call: Json, at: int, notes: Notes) -> None:
    function = get_object(call, "function")
    index = function.get("index")
    key = get_text(call, "id") or f"{index if isinstance(index, int) else at}:{get_text(function, 'name')}"
    notes.call(key, get_text(call, "id"), get_text(function, "name"))
    notes.argue(key, get_object(function, "arguments"))
