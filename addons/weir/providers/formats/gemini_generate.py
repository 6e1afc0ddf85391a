"""Gemini generateContent, its streams (server-sent events or one JSON array), countTokens and embedContent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from weir.model import Exchange, Usage
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["GeminiGenerate"]

_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_ON_THE_WAY: Final = frozenset({"index", "role", "thought", "modelVersion", "responseId"})
_NO_TEXT: Final = frozenset({"thoughtSignature", "inlineData", "fileData", "thought", "id", "name"})


class GeminiGenerate(BaseDialect):
    """``models/{model}:generateContent`` and its siblings."""

    id = "gemini_generate"
    sections: ClassVar = {
        "contents": "user",
        "content": "user",
        "requests": "user",
        "generateContentRequest": "user",
        "systemInstruction": "system",
        "system_instruction": "system",
        "tools": "tool_definition",
    }
    members: ClassVar = {
        "systemInstruction": "system",
        "system_instruction": "system",
        "functionCall": "assistant",
        "function_call": "assistant",
        "executableCode": "assistant",
        "functionResponse": "tool",
        "function_response": "tool",
        "codeExecutionResult": "tool",
        "functionDeclarations": "tool_definition",
        "function_declarations": "tool_definition",
    }
    scalars: ClassVar = {
        "maxOutputTokens": "max_tokens",
        "max_output_tokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "candidateCount": "n",
        "seed": "seed",
    }

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Declared functions by name, built-in tools by the member that switches them on."""
        for tool in get_list(document, "tools"):
            for key in tool if isinstance(tool, dict) else ():
                if key not in ("functionDeclarations", "function_declarations"):
                    yield key[:64]
                    continue
                for function in get_list(tool, key):
                    if name := get_text(function, "name"):
                        yield name

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of ``generationConfig``."""
        config = get_object(document, "generationConfig") or get_object(document, "generation_config")
        return scalars_of(config, self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _GeminiEvents()

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Google's error body; the SDK looks for ``error`` as the first member."""
        info: Json = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": rule_id, "domain": "weir"}
        word = _STATUS.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
        return compact(
            {"error": {"code": status, "message": self.say(message, rule_id), "status": word, "details": [info]}}
        )


def _usage(usage: Json) -> Usage | None:
    if not isinstance(usage, dict) or not usage:
        return None
    thoughts = get_count(usage, "thoughtsTokenCount")
    return Usage(
        input_tokens=get_count(usage, "promptTokenCount") + get_count(usage, "toolUsePromptTokenCount"),
        output_tokens=get_count(usage, "candidatesTokenCount") + thoughts,
        cache_read_tokens=get_count(usage, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        source="reported",
    )


class _GeminiEvents:
    array = True
    end_marks = frozenset({b"[DONE]"})

    def __init__(self) -> None:
        self._calls = 0

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if doc.get("error"):
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        places: list[Place] = []
        ends: list[str] = []
        wholes: list[tuple[str, Json]] = []
        self._head(doc, notes)
        for at, candidate in notes.each(get_list(doc, "candidates")):
            stated = candidate.get("index") if isinstance(candidate, dict) else None
            index = str(stated if isinstance(stated, int) else at)
            found, others = self._parts(candidate, f"/candidates/{at}/content/parts", index, notes)
            places += found
            wholes += others
            finish = get_text(candidate, "finishReason")
            if finish:
                notes.name(finish_reason=finish)
                notes.complete = True
            if finish or others:
                ends.append(f"{index}.")
            elif found:
                # Thoughts and answer follow each other: what is held back of the one goes before the other.
                now = {place.channel for place in found}
                ends += [channel for channel in (f"{index}.thought", f"{index}.text") if channel not in now]
        return Step(places, ends, wholes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        step = self.event("", doc, notes)
        notes.keep_all(step.places)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    @staticmethod
    def _head(doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "modelVersion"), response_id=get_text(doc, "responseId"))
        notes.usage = _usage(doc.get("usageMetadata")) or notes.usage
        blocked = get_text(get_object(doc, "promptFeedback"), "blockReason")
        if blocked:
            notes.name(finish_reason=blocked)
            notes.complete = True

    def _parts(
        self, candidate: Json, pointer: str, index: str, notes: Notes
    ) -> tuple[list[Place], list[tuple[str, Json]]]:
        places: list[Place] = []
        others: list[tuple[str, Json]] = []
        for at, part in notes.each(get_list(get_object(candidate, "content"), "parts")):
            text = get_text(part, "text")
            if text:
                kind = "thought" if isinstance(part, dict) and part.get("thought") is True else "text"
                places.append(Place(f"{pointer}/{at}/text", f"{index}.{kind}", text))
            elif isinstance(part, dict) and part.keys() - {"text", "thoughtSignature", "thought"}:
                others.append((f"{pointer}/{at}", part))
                for found in texts_in(part, "", "", _NO_TEXT, notes.room):
                    notes.keep(found.text)
                call = get_object(part, "functionCall")
                if call:
                    self._calls += 1
                    notes.call(f"{self._calls}", get_text(call, "id"), get_text(call, "name"))
        return places, others
