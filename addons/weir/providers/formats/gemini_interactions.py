"""Gemini interactions: models and agents that answer in steps, plain and as named events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Usage
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.formats.gemini_generate import GeminiGenerate, gemini_error, modality_parts
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton
from weir.providers.wire.words import plausible_model

__all__ = ["GeminiInteractions"]

_ON_THE_WAY: Final = frozenset({"index", "type", "event_type"})
_NO_TEXT: Final = frozenset({"type", "id", "call_id", "name", "signature", "mime_type", "data", "server_name", "uri"})
_DETAILS: Final = {
    "input_tokens_by_modality": "input_{}_tokens",
    "tool_use_tokens_by_modality": "input_{}_tokens",
    "cached_tokens_by_modality": "cache_{}_read_tokens",
    "output_tokens_by_modality": "output_{}_tokens",
}
_OVER: Final = ("completed", "failed", "cancelled", "incomplete", "requires_action")
_CALLS: Final = ("function_call", "mcp_server_tool_call")
# The types of deltas whose text goes on, and where it stands in them.
_GOES_ON: Final = {
    "text": ("text", "/delta/text"),
    "arguments_delta": ("arguments", "/delta/arguments"),
    "thought_summary": ("thought", "/delta/content/text"),
}


class GeminiInteractions(BaseDialect):
    """``/v1beta/interactions``; its input is a text, contents, or the steps of a conversation."""

    id = "gemini_interactions"
    sections: ClassVar = {"input": "user", "system_instruction": "system", "tools": "tool_definition"}
    types: ClassVar = {
        "user_input": "user",
        "model_output": "assistant",
        "thought": "assistant",
        "function_call": "assistant",
        "mcp_server_tool_call": "assistant",
        "code_execution_call": "assistant",
        "google_search_call": "assistant",
        "url_context_call": "assistant",
        "file_search_call": "assistant",
        "function_result": "tool",
        "mcp_server_tool_result": "tool",
        "code_execution_result": "tool",
        "google_search_result": "tool",
        "url_context_result": "tool",
        "file_search_result": "tool",
    }
    scalars: ClassVar = {
        "max_output_tokens": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "seed": "seed",
        "thinking_level": "reasoning_effort",
        "store": "store",
        "background": "background",
        "service_tier": "service_tier",
    }

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; an agent may stand where a model would."""
        agent = plausible_model(get_text(document, "agent"))
        if agent and not get_text(document, "model") and not endpoint.model:
            endpoint = Endpoint(
                endpoint.service, endpoint.dialect, endpoint.operation, endpoint.path_template, agent, endpoint.stream
            )
        return super().read(document, endpoint)

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """An agent's environment has files and sources of its own."""
        if document.get("environment") or document.get("environment_id"):
            yield "files kept by the provider"

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Functions by name, servers by theirs, built-in tools by type."""
        for tool in get_list(document, "tools"):
            if name := get_text(tool, "name") or get_text(tool, "type"):
                yield name

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of the request and of its ``generation_config``."""
        return scalars_of(document, self.scalars) | scalars_of(get_object(document, "generation_config"), self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _InteractionEvents()

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Google's error body."""
        return GeminiGenerate().refusal(status, message, rule_id)

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The ``error`` event; its code is a word here."""
        error = gemini_error(403, self.say(message, rule_id), rule_id)
        said: JsonObject = {"code": "permission_denied", "message": error["message"]}
        return b"\n\n" + event_bytes(compact({"event_type": "error", "error": said}), "error")


def _usage(usage: Json) -> Usage | None:
    """The input count has the cache in it, without what tools brought in; the output count is without thoughts."""
    if not isinstance(usage, dict) or not any(name.startswith("total_") for name in usage):
        return None
    thoughts = get_count(usage, "total_thought_tokens")
    return Usage(
        input_tokens=get_count(usage, "total_input_tokens") + get_count(usage, "total_tool_use_tokens"),
        output_tokens=get_count(usage, "total_output_tokens") + thoughts,
        cache_read_tokens=get_count(usage, "total_cached_tokens"),
        reasoning_tokens=thoughts,
        source="reported",
        parts=modality_parts(usage, _DETAILS, "tokens"),
    )


class _InteractionEvents:
    array = False
    end_marks = frozenset({b"[DONE]"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "event_type") or name
        at = doc.get("index")
        index = str(at if isinstance(at, int) else 0)
        if kind == "step.delta":
            return self._delta(doc, index, notes)
        if kind == "step.start":
            step = get_object(doc, "step")
            self._call(step, index, notes)
            for found in texts_in(step, "", "", _NO_TEXT, notes.room):
                notes.keep(found.text)
            return Step(wholes=(("/step", step),))
        if kind == "step.stop":
            return Step(ends=(f"{index}.",))
        if kind.startswith("interaction."):
            return self._interaction(kind, doc, notes)
        if kind == "error" or doc.get("error"):
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._head(doc, notes)
        if doc.get("error"):
            notes.name(finish_reason="error")
        for at, step in notes.each(get_list(doc, "steps") or get_list(doc, "outputs")):
            if get_text(step, "type") == "user_input":
                continue
            self._call(step, str(at), notes)
            for found in texts_in(step, "", "", _NO_TEXT, notes.room):
                notes.keep(found.text)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    def _interaction(self, kind: str, doc: JsonObject, notes: Notes) -> Step:
        interaction = get_object(doc, "interaction") or doc
        self._head(interaction, notes)
        over = get_text(interaction, "status") in _OVER or kind.partition(".")[2] in _OVER
        if over:
            notes.complete = True
        return Step(ends=("",) if over else (), wholes=(("", doc),))

    @staticmethod
    def _head(doc: JsonObject, notes: Notes) -> None:
        named = get_text(doc, "model") or get_text(doc, "agent")
        notes.name(model=named, response_id=get_text(doc, "id") or get_text(doc, "interaction_id"))
        status = get_text(doc, "status")
        notes.name(finish_reason="error" if status == "failed" else status)
        notes.usage = _usage(doc.get("usage")) or notes.usage

    @staticmethod
    def _delta(doc: JsonObject, index: str, notes: Notes) -> Step:
        delta = get_object(doc, "delta")
        kind = get_text(delta, "type")
        if kind in _GOES_ON:
            channel, pointer = _GOES_ON[kind]
            holder = get_object(delta, "content") if kind == "thought_summary" else delta
            text = get_text(holder, pointer.rpartition("/")[2])
            place = Place(pointer, f"{index}.{channel}", text, kind == "arguments_delta")
            return Step((place,)) if text else NO_STEP
        if kind in ("image", "audio", "video", "document"):
            notes.mark(Inspection.PARTIAL, kind if kind != "document" else "file")
            return NO_STEP
        for found in texts_in(delta, "", "", _NO_TEXT, notes.room):
            notes.keep(found.text)
        return NO_STEP if kind == "thought_signature" else Step(wholes=(("/delta", delta),))

    @staticmethod
    def _call(step: Json, key: str, notes: Notes) -> None:
        if get_text(step, "type") in _CALLS:
            notes.call(key, get_text(step, "id"), get_text(step, "name"))
