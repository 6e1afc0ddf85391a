"""Bedrock's Converse interface, plain and as an event stream, and its guardrails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Usage
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.replies.eventreading import EventStreamReader, exception_bytes
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["CONVERSE_EVENTS", "BedrockConverse", "ConverseEvents"]

CONVERSE_EVENTS: Final = frozenset(
    {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}
)
_ON_THE_WAY: Final = frozenset({"contentBlockIndex"})
_NO_TEXT: Final = frozenset({"toolUseId", "name", "type", "status", "signature", "redactedContent", "format", "bytes"})
_ERRORS: Final = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


class BedrockConverse(BaseDialect):
    """``/model/{model}/converse``, ``converse-stream`` and ``count-tokens``. The model stands in the path alone."""

    id = "bedrock_converse"
    sections: ClassVar = {
        "messages": "user",
        "system": "system",
        "input": "user",
        "content": "user",
        "promptVariables": "user",
        "toolConfig": "tool_definition",
    }
    members: ClassVar = {
        "toolUse": "assistant",
        "toolResult": "tool",
        "toolConfig": "tool_definition",
        "toolAddition": "tool_definition",
    }
    scalars: ClassVar = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p"}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As a body; a path that names a stored prompt instead of a model keeps that prompt from us."""
        exchange = super().parse(body, endpoint)
        if ":prompt/" not in endpoint.model or "prompt kept by the provider" in exchange.reason:
            return exchange
        reason = "; ".join(filter(None, (exchange.reason, "prompt kept by the provider")))
        return replace(exchange, inspection=Inspection.PARTIAL, reason=reason)

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Names of tools, the provider's own among them."""
        for tool in get_list(get_object(document, "toolConfig"), "tools"):
            name = get_text(get_object(tool, "toolSpec"), "name") or get_text(get_object(tool, "systemTool"), "name")
            if name:
                yield name

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of ``inferenceConfig``."""
        return scalars_of(get_object(document, "inferenceConfig"), self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return ConverseEvents()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader of event streams, and of documents; there is no usage event to strip."""
        return EventStreamReader(self.events(exchange), content_type, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """AWS's error body. The SDKs take the error's name from ``__type`` where no header gives it."""
        return compact({"__type": _error_name(status), "message": self.say(message, rule_id)})

    def refusal_headers(self, status: int) -> Mapping[str, str]:
        """The error's name, where AWS gives it and some SDKs look only."""
        return {"x-amzn-errortype": _error_name(status)}

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """An exception message; of those a stream may end with, no client retries this one."""
        return exception_bytes("validationException", compact({"message": self.say(message, rule_id)}))


class ConverseEvents:
    """Events by their name, or as members of a document, as Nova's own stream has them."""

    steady = True  # see runs.py
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if name in CONVERSE_EVENTS:
            return self._one(name, doc, "", notes)
        for key, value in doc.items():
            if key in CONVERSE_EVENTS and isinstance(value, dict):
                return self._one(key, value, f"/{key}", notes)
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(finish_reason=get_text(doc, "stopReason") or get_text(doc, "action"))
        if "__type" in doc or (doc and doc.keys() <= {"message", "Message"}):
            notes.name(finish_reason="error")
        self._usage(doc.get("usage"), notes)
        if "inputTokens" in doc:  # of count-tokens
            notes.usage = Usage(input_tokens=get_count(doc, "inputTokens"), source="reported")
        for at, block in notes.each(get_list(get_object(get_object(doc, "output"), "message"), "content")):
            _call(block, notes, str(at))
            self._keep(block, notes, str(at))
        for output in get_list(doc, "outputs"):
            self._keep(output, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    def _one(self, name: str, doc: JsonObject, at: str, notes: Notes) -> Step:
        if name == "contentBlockDelta":
            if "image" in get_object(doc, "delta"):
                notes.mark(Inspection.PARTIAL, "image")
            return _delta(doc, at, notes)
        if name == "contentBlockStart":
            _call(get_object(doc, "start"), notes, _block(doc))
            return Step(wholes=((at, doc),))
        if name == "contentBlockStop":
            return Step(ends=(f"{_block(doc)}.",))
        if name == "messageStop":
            notes.name(finish_reason=get_text(doc, "stopReason"))
            notes.complete = True
            return Step(ends=("",), wholes=((at, doc),))
        if name == "metadata":
            self._usage(doc.get("usage"), notes)
            # A guardrail's trace quotes what it held back.
            return Step(ends=("",), wholes=((at, doc),))
        return NO_STEP

    @staticmethod
    def _keep(block: Json, notes: Notes, key: str = "") -> None:
        tool = get_object(block, "toolUse")
        if tool and key:
            notes.argue(key, get_object(tool, "input"))
            return
        for found in texts_in(block, "", "", _NO_TEXT, notes.room):
            notes.keep(found.text)

    @staticmethod
    def _usage(usage: Json, notes: Notes) -> None:
        """AWS's own input count leaves out what went through the cache."""
        if not isinstance(usage, dict) or "inputTokens" not in usage:
            return
        read = get_count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
        written = get_count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
        notes.usage = Usage(
            input_tokens=get_count(usage, "inputTokens") + read + written,
            output_tokens=get_count(usage, "outputTokens"),
            cache_read_tokens=read,
            cache_write_tokens=written,
            source="reported",
        )


def _error_name(status: int) -> str:
    return _ERRORS.get(status, "InternalServerException" if status >= 500 else "ValidationException")


def _block(doc: JsonObject) -> str:
    index = doc.get("contentBlockIndex")
    return str(index if isinstance(index, int) else 0)


def _delta(doc: JsonObject, at: str, notes: Notes) -> Step:
    delta = get_object(doc, "delta")
    reasoning, tool = get_object(delta, "reasoningContent"), get_object(delta, "toolUse")
    found = (
        ("/text", "text", get_text(delta, "text"), False),
        ("/reasoningContent/text", "reasoning", get_text(reasoning, "text"), False),
        ("/toolUse/input", "input", get_text(tool, "input"), True),
    )
    places = [
        Place(f"{at}/delta{pointer}", f"{_block(doc)}.{name}", text, inner, call=_block(doc) if inner else "")
        for pointer, name, text, inner in found
        if text
    ]
    others = [(f"{at}/delta/citation", delta["citation"])] if "citation" in delta else []
    # The result of a tool of the provider's own: a text that goes on, or a document.
    for number, item in notes.each(get_list(delta, "toolResult")):
        pointer, text = f"{at}/delta/toolResult/{number}", get_text(item, "text")
        if text:
            places.append(Place(f"{pointer}/text", f"{_block(doc)}.result", text))
        else:
            others.append((pointer, item))
    return Step(places, wholes=others)


def _call(block: Json, notes: Notes, key: str) -> None:
    tool = get_object(block, "toolUse")
    if tool:
        notes.call(key, get_text(tool, "toolUseId"), get_text(tool, "name"))
