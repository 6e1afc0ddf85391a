"""Gemini generateContent, its streams (server-sent events or one JSON array), and what takes requests of its shape.

These are countTokens, embedContent, batches of either, and prompts kept for later (cachedContents).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Segment, Usage
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["GeminiGenerate", "gemini_error", "gemini_usage", "instructed", "modality_parts", "short_model"]

_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_DETAILS: Final = {
    "promptTokensDetails": "input_{}_tokens",
    "toolUsePromptTokensDetails": "input_{}_tokens",
    "cacheTokensDetails": "cache_{}_read_tokens",
    "candidatesTokensDetails": "output_{}_tokens",
    "responseTokensDetails": "output_{}_tokens",
}
_MODALITIES_MAX: Final = 32
_TIERS: Final = ("flex", "priority")
_INSTRUCTION = re.compile(r"/system(?:Instruction|_instruction)/parts/\d+/text\Z")
_ON_THE_WAY: Final = frozenset({"index", "role", "thought", "modelVersion", "responseId"})
_NO_TEXT: Final = frozenset({"thoughtSignature", "inlineData", "fileData", "thought", "id", "name"})


class GeminiGenerate(BaseDialect):
    """``models/{model}:generateContent`` and its siblings."""

    id = "gemini_generate"
    sections: ClassVar = {
        "contents": "user",
        "content": "user",
        "requests": "user",
        "batch": "user",
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

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; a model named by its full path goes by the end of it."""
        exchange = super().read(document, endpoint)
        return replace(exchange, model=short_model(exchange.model), segments=instructed(exchange.segments))

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
        return compact({"error": gemini_error(status, self.say(message, rule_id), rule_id)})


def gemini_error(status: int, message: str, rule_id: str) -> JsonObject:
    """The error object that all of Google's interfaces share."""
    info: Json = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": rule_id, "domain": "weir"}
    word = _STATUS.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
    return {"code": status, "message": message, "status": word, "details": [info]}


def instructed(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """``segments``, where a system instruction is one whatever role it states: Google's own clients write ``user``."""
    return tuple(replace(one, role="system") if _INSTRUCTION.search(one.pointer) else one for one in segments)


def short_model(model: str) -> str:
    """A model's name without the path before it: ``models/m`` is ``m``, and so is ``…/publishers/google/models/m``."""
    return model.rpartition("models/")[2] or model


def gemini_usage(usage: Json) -> Usage | None:
    """``usageMetadata`` of a reply, of a message of the live interface, or of a prompt that was kept; None when empty.

    Google's input count has the cache in it, and its output count leaves thoughts out.
    """
    if not isinstance(usage, dict) or not usage:
        return None
    thoughts = get_count(usage, "thoughtsTokenCount")
    asked = get_count(usage, "promptTokenCount") + get_count(usage, "toolUsePromptTokenCount")
    given = get_count(usage, "candidatesTokenCount", "responseTokenCount")
    if not asked and not given and not thoughts:
        asked = get_count(usage, "totalTokenCount")  # all there is of a prompt that is kept
    return Usage(
        input_tokens=asked,
        output_tokens=given + thoughts,
        cache_read_tokens=get_count(usage, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        source="reported",
        parts=modality_parts(usage, _DETAILS, "tokenCount"),
        tier=tier if (tier := get_text(usage, "serviceTier").lower()) in _TIERS else "",
    )


def modality_parts(usage: JsonObject, details: Mapping[str, str], count: str) -> tuple[tuple[str, int], ...]:
    """Sound, pictures and film among the tokens, which have prices of their own.

    ``details`` maps the members that list them to the names of what they count; ``count`` is the member of the count.
    """
    found: dict[str, int] = {}
    for member, name in details.items():
        for item in get_list(usage, member)[:_MODALITIES_MAX]:
            kind = get_text(item, "modality").lower()
            if kind in ("audio", "image", "video") and (tokens := get_count(item, count)):
                key = name.format(kind)
                found[key] = found.get(key, 0) + tokens
    return tuple(found.items())


class _GeminiEvents:
    steady = True  # see runs.py
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
        notes.usage = gemini_usage(doc.get("usageMetadata")) or notes.usage
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
                media = _media(part)
                if media:
                    notes.mark(Inspection.PARTIAL, media)
                # What is no text is not looked through for any, and not changed.
                rest: JsonObject = {key: value for key, value in part.items() if key != "inlineData" or not media}
                others.append((f"{pointer}/{at}", rest))
                call = get_object(part, "functionCall")
                if call:
                    self._calls += 1
                    notes.call(f"{self._calls}", get_text(call, "id"), get_text(call, "name"))
                    notes.argue(f"{self._calls}", get_object(call, "args"))
                said = part if not call else {key: value for key, value in part.items() if key != "functionCall"}
                for found in texts_in(said, "", "", _NO_TEXT, notes.room):
                    notes.keep(found.text)
        return places, others


def _media(part: JsonObject) -> str:
    """What a part of a reply holds that is no text: image, audio, video, file; ``""`` when it holds none."""
    kind, _, detail = get_text(get_object(part, "inlineData"), "mimeType").lower().partition("/")
    if not detail or kind == "text" or "json" in detail:
        return ""
    return kind if kind in ("image", "audio", "video") else "file"
