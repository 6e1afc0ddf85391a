"""Alibaba's DashScope in its own format: ``input``, ``parameters``, and replies with ``output``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Usage
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.formats.flat import FlatEvents
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text

__all__ = ["DashScope"]

_ERRORS: Final = {401: "InvalidApiKey", 403: "AccessDenied", 429: "Throttling", 503: "ServiceUnavailable"}
_TEXTS_MAX: Final = 64  # channels of which is remembered how far they had come


class DashScope(BaseDialect):
    """``/api/v1/services/aigc/…/generation`` and its siblings for pictures, vectors and ranking."""

    id = "dashscope"
    sections: ClassVar = {"input": "user"}
    members: ClassVar = {"system": "system", "tools": "tool_definition", "tool_calls": "assistant"}
    scalars: ClassVar = {
        "max_tokens": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "seed": "seed",
        "n": "n",
        "enable_thinking": "think",
        "enable_search": "search",
        "incremental_output": "incremental_output",
        "dimension": "dimensions",
    }

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document. A header asks for a stream; a stream's settings in the body tell of it too."""
        exchange = super().read(document, endpoint)
        streamed = exchange.stream or exchange.parameters.get("incremental_output") is True
        return replace(exchange, stream=streamed)

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """An application may go on with a session, and has a prompt of its own."""
        given = get_object(document, "input")
        if given.get("session_id") or given.get("memory_id"):
            yield "earlier turns kept by the provider"

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Names of tools, which stand among the parameters."""
        return super().tools(get_object(document, "parameters"))

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of ``parameters``."""
        return scalars_of(get_object(document, "parameters"), self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _OutputEvents(grows=exchange.parameters.get("incremental_output") is not True)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """DashScope's error body."""
        code = _ERRORS.get(status, "InternalError" if status >= 500 else "InvalidParameter")
        return compact({"code": code, "message": self.say(message, rule_id), "request_id": rule_id})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The ``error`` event of a stream."""
        return b"\n\n" + event_bytes(self.refusal(403, message, rule_id), "error")


class _OutputEvents(FlatEvents):
    """Unless asked for pieces, each event has the whole text so far: then no text goes on in the next event."""

    said: ClassVar = frozenset({"text", "content", "reasoning_content", "arguments"})
    skip: ClassVar = frozenset({"request_id", "role", "finish_reason", "usage", "id", "name", "type", "url"})

    def __init__(self, *, grows: bool) -> None:
        self._grows = grows
        self._known: dict[str, str] = {}

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        over = self.head(doc, notes)
        if name == "error" or self.failed(doc):
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        notes.complete = notes.complete or over
        if not self._grows:
            return Step(self.places(doc, notes), ends=("",) if over else ())
        for place in self.places(doc, notes):
            before = self._known.get(place.channel, "")
            if before or len(self._known) < _TEXTS_MAX:
                self._known[place.channel] = place.text
            notes.keep(place.text[len(before) :] if place.text.startswith(before) else place.text)
        return Step(wholes=(("/output", doc.get("output")),))

    def places(self, doc: JsonObject, notes: Notes) -> Sequence[Place]:
        found = texts_in(doc.get("output"), "/output", "output", self.skip, notes.room)
        return [Place(t.pointer, t.channel, t.text, t.name == "arguments") for t in found if t.name in self.said]

    def failed(self, doc: JsonObject) -> bool:
        return bool(get_text(doc, "code")) and "output" not in doc

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        notes.name(response_id=get_text(doc, "request_id"))
        output = get_object(doc, "output")
        notes.name(response_id=get_text(output, "task_id"))
        notes.usage = _usage(doc.get("usage")) or notes.usage
        ended = get_text(output, "finish_reason")
        for at, choice in notes.each(get_list(output, "choices")):
            word = get_text(choice, "finish_reason")
            ended = word if word != "null" else ended
            self._calls(choice, at, notes)
        if ended in ("", "null"):
            return False
        notes.name(finish_reason=ended)
        return True

    @staticmethod
    def _calls(choice: Json, at: int, notes: Notes) -> None:
        for place, call in notes.each(get_list(get_object(choice, "message"), "tool_calls")):
            index = call.get("index") if isinstance(call, dict) else None
            key = f"{at}.{index if isinstance(index, int) else place}"
            notes.call(key, get_text(call, "id"), get_text(get_object(call, "function"), "name"))


def _usage(usage: Json) -> Usage | None:
    """Cached tokens are among those of the prompt, thoughts among those of the output; vectors have a total only."""
    if not isinstance(usage, dict) or not any(n in usage for n in ("input_tokens", "total_tokens", "output_tokens")):
        return None
    asked, given = get_count(usage, "input_tokens"), get_count(usage, "output_tokens")
    asked_details = get_object(usage, "prompt_tokens_details") or get_object(usage, "input_tokens_details")
    return Usage(
        input_tokens=asked or max(0, get_count(usage, "total_tokens") - given),
        output_tokens=given,
        cache_read_tokens=get_count(asked_details, "cached_tokens"),
        reasoning_tokens=get_count(get_object(usage, "output_tokens_details"), "reasoning_tokens"),
        source="reported",
    )
