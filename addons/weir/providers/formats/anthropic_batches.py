"""Anthropic message batches: many requests in one body, their answers in JSON lines that are fetched later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from weir.model import Endpoint, Exchange
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.results import ResultEvents, ResultReader, anthropic_answer
from weir.providers.wire.jsondoc import loads
from weir.providers.wire.values import Json, JsonObject, get_list, get_object, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["AnthropicBatches", "AnthropicResults"]


class AnthropicBatches(AnthropicMessages):
    """``/v1/messages/batches``: each of ``requests`` has the body of a message as its ``params``."""

    id = "anthropic_batches"
    sections: ClassVar = {}
    members: ClassVar = {"system": "system", "messages": "user", "tools": "tool_definition"}
    scalars: ClassVar = {}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As any body. The model is the one that all requests name; when they don't agree, none is named."""
        exchange = super().parse(body, endpoint)
        named = {get_text(params, "model") for params in _params(loads(body))}
        return replace(exchange, model=plausible_model(named.pop()) if len(named) == 1 else "", stream=False)

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Names of the tools of all requests."""
        for params in _params(document):
            yield from super().tools(params)

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read: the batch that has been made."""
        return _BatchEvents()


def _params(document: Json) -> Iterable[JsonObject]:
    return (get_object(one, "params") for one in get_list(document, "requests"))


class _BatchEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.whole(doc, notes)
        return NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.name(response_id=get_text(doc, "id"))
        notes.name(finish_reason="error" if doc.get("error") else get_text(doc, "processing_status"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc


class AnthropicResults(AnthropicMessages):
    """``/v1/messages/batches/{id}/results``."""

    id = "anthropic_results"

    def events(self, exchange: Exchange) -> Events:
        """How the lines are read."""
        messages = AnthropicMessages()
        return ResultEvents(lambda doc: anthropic_answer(doc, lambda _: messages.events(exchange)))

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for the results; see `weir.ports.Dialect`."""
        return ResultReader(self.events(exchange), content_type, text)
