"""Bedrock's InvokeModel: bodies in the format of each model's vendor, streams of such events within AWS's own.

Which vendor's they are shows in each document by its members, as the model in the path may be an alias of anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Usage
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.formats.base import BaseDialect, scalars_of
from weir.providers.formats.bedrock_converse import CONVERSE_EVENTS, BedrockConverse, ConverseEvents
from weir.providers.formats.cohere_chat import CohereChat
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.replies.anystream import any_step, any_tail
from weir.providers.replies.eventreading import EventStreamReader
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import Json, JsonObject, get_count, get_list, get_object, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["BedrockInvoke"]

_METRICS: Final = "amazon-bedrock-invocationMetrics"
_COUNTS: Final = {
    "x-amzn-bedrock-input-token-count": "inputTokenCount",
    "x-amzn-bedrock-output-token-count": "outputTokenCount",
    "x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokenCount",
    "x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokenCount",
}
_ANTHROPIC: Final = frozenset(
    {"message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta"}
    | {"content_block_stop", "ping", "message", "error"}
)
_CONFIGS: Final = ("inferenceConfig", "textGenerationConfig", "inferenceParams")
_ENDS: Final = ("stop_reason", "completionReason", "finish_reason")
_LISTS: Final = ("results", "outputs", "generations", "completions")


class BedrockInvoke(BedrockConverse):
    """``/model/{model}/invoke`` and ``invoke-with-response-stream``."""

    id = "bedrock_invoke"
    sections: ClassVar = {
        **BedrockConverse.sections,
        **AnthropicMessages.sections,
        **CohereChat.sections,
        "inputText": "user",
        "inputs": "user",
        "texts": "user",
        "query": "user",
    }
    types: ClassVar = AnthropicMessages.types
    scalars: ClassVar = {
        **OpenAIChat.scalars,
        **AnthropicMessages.scalars,
        **BedrockConverse.scalars,
        "max_tokens_to_sample": "max_tokens",
        "max_gen_len": "max_tokens",
        "max_new_tokens": "max_tokens",
        "maxTokenCount": "max_tokens",
        "p": "top_p",
        "k": "top_k",
    }

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As a body; what runs asynchronously names its model there."""
        exchange = super().parse(body, endpoint)
        if exchange.model:
            return exchange
        named = next((s.text for s in exchange.segments if s.pointer.partition("#")[0] == "/modelId"), "")
        return replace(exchange, model=plausible_model(named))

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Names of tools, in the shape of any vendor."""
        yield from BaseDialect.tools(self, document)
        yield from super().tools(document)

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings, wherever the vendor puts them."""
        found = scalars_of(document, self.scalars)
        for name in _CONFIGS:
            found |= scalars_of(get_object(document, name), self.scalars)
        return found

    def header_usage(self, headers: Mapping[str, str]) -> Usage | None:
        """AWS's own counts, which plain replies have in headers whatever the vendor's body says."""
        said = {name: headers.get(header, "").strip() for header, name in _COUNTS.items()}
        counts: JsonObject = {
            name: int(text) for name, text in said.items() if text.isdecimal() and text.isascii() and len(text) < 16
        }
        return _metrics(counts) if "inputTokenCount" in counts or "outputTokenCount" in counts else None

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _InvokeEvents(exchange)

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader of event streams with the model's events in base64, and of documents."""
        return EventStreamReader(self.events(exchange), content_type, exchange.stream, text, wrapped=True)


class _InvokeEvents:
    steady = True  # see runs.py
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self, exchange: Exchange) -> None:
        self._anthropic = AnthropicMessages().events(exchange)
        self._chat = OpenAIChat().events(exchange)
        self._cohere = CohereChat().events(exchange)
        self._converse = ConverseEvents()
        self._counts: dict[str, int] = {}

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        vendor = self._vendor(doc)
        if vendor is not None:
            step = vendor.event("", doc, notes)
        else:
            ended = _ended(doc)
            notes.name(finish_reason=ended)
            step = any_step(doc, notes, last=bool(ended))
            self._flat_usage(doc, notes)
        metrics = get_object(doc, _METRICS)
        if metrics:
            notes.complete = True
            if vendor is None or notes.usage is None:
                notes.usage = _metrics(metrics)
        return step

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        vendor = self._vendor(doc)
        if vendor is not None:
            vendor.whole(doc, notes)
        elif "output" in doc or (doc and doc.keys() <= {"message", "Message", "__type"}):
            self._converse.whole(doc, notes)
        else:
            notes.name(response_id=get_text(doc, "id"), finish_reason=_ended(doc))
            if get_list(doc, "images"):
                notes.mark(Inspection.PARTIAL, "image")
            for place in any_step({k: doc[k] for k in doc if k not in ("chat_history", "prompt")}, notes).places:
                if place.kept:
                    notes.keep(place.text)
            self._flat_usage(doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        vendor = self._vendor(doc)
        return any_tail(doc, place, text) if vendor is None else vendor.tail(doc, place, text)

    def _vendor(self, doc: JsonObject) -> Events | None:
        """Whose document this is; None for the flat ones of Llama, Titan, Mistral and others."""
        if get_text(doc, "type") in _ANTHROPIC:
            return self._anthropic
        if isinstance(doc.get("choices"), list):
            return self._chat
        if "event_type" in doc or "generation_id" in doc:
            return self._cohere
        return self._converse if not CONVERSE_EVENTS.isdisjoint(doc) else None

    def _flat_usage(self, doc: JsonObject, notes: Notes) -> None:
        """Counts of Llama (the output's grows) and Titan; later ones replace earlier ones."""
        for name, keys in (
            ("input", ("prompt_token_count", "inputTextTokenCount")),
            ("output", ("generation_token_count", "totalOutputTextTokenCount")),
        ):
            if any(isinstance(doc.get(key), int) for key in keys):
                self._counts[name] = get_count(doc, *keys)
        produced = [get_count(item, "tokenCount") for item in get_list(doc, "results") if isinstance(item, dict)]
        if any(produced):
            self._counts["output"] = sum(produced)
        if self._counts:
            notes.usage = Usage(self._counts.get("input", 0), self._counts.get("output", 0), source="reported")


def _ended(doc: JsonObject) -> str:
    """Why a flat document, or the first answer in it, ended; ``""`` while it goes on."""
    places: list[Json] = [doc]
    for name in _LISTS:
        places += get_list(doc, name)[:1]
    return next((text for place in places for name in _ENDS if (text := get_text(place, name))), "")


def _metrics(metrics: JsonObject) -> Usage:
    """AWS's counts at the end of a stream; its input count leaves out what went through the cache."""
    read, written = get_count(metrics, "cacheReadInputTokenCount"), get_count(metrics, "cacheWriteInputTokenCount")
    return Usage(
        input_tokens=get_count(metrics, "inputTokenCount") + read + written,
        output_tokens=get_count(metrics, "outputTokenCount"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        source="reported",
    )
