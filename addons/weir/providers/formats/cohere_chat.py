"""Cohere's chat, second and first version, and its older text generation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from weir.model import Exchange, Usage
from weir.providers.formats.base import BaseDialect, compact
from weir.providers.replies.anystream import any_step
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["CohereChat", "cohere_error", "cohere_usage"]

_ON_THE_WAY: Final = frozenset({"index", "type", "event_type", "is_finished"})
_NO_TEXT: Final = frozenset({"type", "id", "role", "name", "document_ids", "generation_id"})


class CohereChat(BaseDialect):
    """``/v2/chat``, ``/v1/chat`` and ``/v1/generate``."""

    id = "cohere_chat"
    sections: ClassVar = {
        "messages": "user",
        "message": "user",
        "prompt": "user",
        "chat_history": "user",
        "documents": "user",
        "preamble": "system",
        "tools": "tool_definition",
        "tool_results": "tool",
    }
    scalars: ClassVar = {
        "max_tokens": "max_tokens",
        "temperature": "temperature",
        "p": "top_p",
        "k": "top_k",
        "num_generations": "n",
        "seed": "seed",
        "stream": "stream",
    }

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """A conversation's earlier turns may be kept, and a connector fetches what nobody sent."""
        if document.get("conversation_id"):
            yield "earlier turns kept by the provider"
        if document.get("connectors"):
            yield "documents fetched by the provider"

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _CohereEvents()

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Cohere's error body."""
        return cohere_error(self.say(message, rule_id))

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The last event of a stream that went wrong."""
        delta: JsonObject = {"finish_reason": "ERROR", "error": self.say(message, rule_id)}
        return b"\n\n" + event_bytes(compact({"type": "message-end", "delta": delta}), "message-end")


def cohere_error(message: str) -> bytes:
    """Cohere's error body."""
    return compact({"message": message})


def cohere_usage(found: Json) -> Usage | None:
    """Usage of version 2, or ``meta`` of version 1: the tokens that are billed; all tokens where those aren't said."""
    counts, every = get_object(found, "billed_units"), get_object(found, "tokens")
    if not ("input_tokens" in counts or "output_tokens" in counts):
        counts = every
    if not counts:
        return None
    asked = get_count(counts, "input_tokens")
    return Usage(
        input_tokens=asked,
        output_tokens=get_count(counts, "output_tokens"),
        # Cached are some of all tokens: how many of fewer billed ones, nobody says.
        cache_read_tokens=get_count(found, "cached_tokens") if get_count(every, "input_tokens") == asked else 0,
        source="reported",
    )


class _CohereEvents:
    array = False
    end_marks = frozenset({b"[DONE]"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if "event_type" in doc:
            return self._first(get_text(doc, "event_type"), doc, notes)
        kind = get_text(doc, "type") or name
        delta = get_object(doc, "delta")
        index = doc.get("index")
        at = str(index if isinstance(index, int) else 0)
        if kind == "content-delta":
            return Step(_places(doc, "content", ("text", "thinking"), f"content.{at}."))
        if kind == "tool-plan-delta":
            return Step(_places(doc, "", ("tool_plan",), "plan."))
        if kind == "tool-call-delta":
            return Step(_places(doc, "tool_calls/function", ("arguments",), f"call.{at}.", at))
        if kind == "content-end":
            return Step(ends=(f"content.{at}.",))
        if kind == "tool-call-end":
            return Step(ends=(f"call.{at}.",))
        if kind == "tool-call-start":
            call = get_object(get_object(delta, "message"), "tool_calls")
            notes.call(at, get_text(call, "id"), get_text(get_object(call, "function"), "name"))
            return Step(_places(doc, "tool_calls/function", ("arguments",), f"call.{at}.", at), ends=("plan.",))
        if kind == "message-start":
            notes.name(response_id=get_text(doc, "id"))
            return NO_STEP
        if kind == "message-end":
            notes.name(finish_reason="error" if delta.get("error") else get_text(delta, "finish_reason"))
            notes.usage = cohere_usage(delta.get("usage")) or notes.usage
            notes.complete = True
            return Step(ends=("",), wholes=(("", doc),))
        if kind in ("content-start", "citation-start", "debug") or "message" in doc:
            return Step(wholes=(("", doc),))
        return NO_STEP if kind == "citation-end" else any_step(doc, notes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(response_id=get_text(doc, "response_id") or get_text(doc, "generation_id") or get_text(doc, "id"))
        message = doc.get("message")
        if isinstance(message, str) and "text" not in doc:
            notes.name(finish_reason="error")
        notes.name(finish_reason=get_text(doc, "finish_reason"))
        notes.usage = cohere_usage(doc.get("usage")) or cohere_usage(doc.get("meta")) or notes.usage
        spoken = message if isinstance(message, dict) else doc
        for key in ("tool_plan", "text", "content"):
            for found in texts_in(spoken.get(key), "", "", _NO_TEXT, notes.room):
                notes.keep(found.text)
        for at, call in notes.each(get_list(spoken, "tool_calls")):
            function = get_object(call, "function")
            notes.call(str(at), get_text(call, "id"), get_text(function, "name") or get_text(call, "name"))
            for key, parent in (("arguments", function), ("parameters", call)):
                told = parent.get(key) if isinstance(parent, dict) else None
                if told:
                    notes.argue(str(at), told)
        for _, made in notes.each(get_list(doc, "generations")):
            notes.keep(get_text(made, "text"))
            notes.name(finish_reason=get_text(made, "finish_reason"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    def _first(self, kind: str, doc: JsonObject, notes: Notes) -> Step:
        """An event of version 1."""
        if kind == "text-generation":
            at = doc.get("index")
            text = get_text(doc, "text")
            return Step([Place("/text", f"text.{at if isinstance(at, int) else 0}", text)] if text else ())
        if kind == "stream-start":
            notes.name(response_id=get_text(doc, "generation_id"))
            return NO_STEP
        if kind == "tool-calls-chunk":
            return self._chunk(doc, notes)
        if kind == "stream-end":
            response = get_object(doc, "response")
            notes.name(response_id=get_text(response, "generation_id") or get_text(response, "id"))
            notes.name(finish_reason=get_text(doc, "finish_reason"))
            notes.usage = cohere_usage(response.get("meta")) or notes.usage
            notes.complete = True
        if kind in ("stream-end", "tool-calls-generation"):
            calls = get_list(doc, "tool_calls") or get_list(get_object(doc, "response"), "tool_calls")
            for place, call in notes.each(calls):
                notes.call(str(place), "", get_text(call, "name"))
        return Step(ends=("",), wholes=(("", doc),))

    @staticmethod
    def _chunk(doc: JsonObject, notes: Notes) -> Step:
        call = get_object(doc, "tool_call_delta")
        index = call.get("index")
        at = str(index if isinstance(index, int) else 0)
        notes.call(at, "", get_text(call, "name"))
        argued = Place("/tool_call_delta/parameters", f"call.{at}.", get_text(call, "parameters"), True, call=at)
        said = Place("/text", "plan.", get_text(doc, "text"))
        return Step([place for place in (argued, said) if place.text])


def _places(doc: JsonObject, path: str, names: Iterable[str], channel: str, call: str = "") -> list[Place]:
    """The texts in the message of an event's delta; ``call``: they are the arguments of that tool call."""
    holder = get_object(get_object(doc, "delta"), "message")
    pointer = "/delta/message"
    for step in filter(None, path.split("/")):
        holder, pointer = get_object(holder, step), f"{pointer}/{step}"
    return [
        Place(f"{pointer}/{name}", f"{channel}{name}", text, name == "arguments", call=call)
        for name in names
        if (text := get_text(holder, name))
    ]
