"""Gemini's batches: many requests at once, and their answers within the batch or in a file of lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from weir.model import Endpoint, Exchange, Inspection
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.gemini_generate import GeminiGenerate, short_model
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.results import ResultEvents, ResultReader
from weir.providers.wire.values import Json, JsonObject, get_list, get_object, get_text

__all__ = ["GeminiBatches", "GeminiResults"]

_INLINE: Final = ("inlinedResponses", "inlinedEmbedContentResponses")
_MODELS_MAX: Final = 64


class GeminiBatches(GeminiGenerate):
    """``models/{model}:batchGenerateContent``, ``:asyncBatchEmbedContent``, and ``batches/{id}``."""

    id = "gemini_batches"

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; requests may stand in a file that was uploaded before."""
        exchange = super().read(document, endpoint)
        if not get_text(get_object(get_object(document, "batch"), "inputConfig"), "fileName"):
            return exchange
        reason = "; ".join(filter(None, (exchange.reason, "requests in a file kept by the provider")))
        return replace(exchange, inspection=Inspection.PARTIAL, reason=reason)

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return _BatchEvents(exchange)


class GeminiResults(GeminiGenerate):
    """``files/{id}:download``: the results of a batch, or any other file."""

    id = "gemini_results"

    def events(self, exchange: Exchange) -> Events:
        """How the lines of a result file are read."""
        one = super().events

        def answer(doc: JsonObject) -> tuple[JsonObject, Events] | None:
            response = get_object(doc, "response")
            return (response, one(exchange)) if response else None

        return ResultEvents(answer)

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for the file; see `weir.ports.Dialect`."""
        return ResultReader(self.events(exchange), content_type, text)


class _BatchEvents:
    """The state of a batch; once it is over, the answers with what each used, at the price of batches."""

    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.whole(doc, notes)
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        about = get_object(doc, "metadata")
        model = short_model(get_text(about, "model"))
        notes.name(model=model, response_id=get_text(doc, "name"), finish_reason=get_text(about, "state"))
        if doc.get("error"):
            notes.name(finish_reason="error")
        # Its own name, whatever it is called in the address.
        notes.usage_of = get_text(doc, "name").rpartition("/")[2][:256]
        for number, answer in notes.each(_answers(doc)):
            said = Notes()
            said.room = notes.room
            GeminiGenerate().events(self._exchange).whole(get_object(answer, "response"), said)
            self._take(said, number, model, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc

    @staticmethod
    def _take(said: Notes, number: int, model: str, notes: Notes) -> None:
        reply = said.reply()
        notes.keep(reply.text)
        for at, (call_id, name) in enumerate(reply.tool_calls):
            notes.call(f"{number}.{at}", call_id, name)
            notes.argue(f"{number}.{at}", reply.arguments[at] if reply.arguments else "")
        if reply.usage is None:
            return
        used, named = replace(reply.usage, tier="batch"), reply.model or model
        known = notes.by_model.get(named)
        if known is None and len(notes.by_model) >= _MODELS_MAX:
            notes.mark(Inspection.PARTIAL, "usage of too many models")
            return
        notes.by_model[named] = used if known is None else known.plus(used)


def _answers(doc: JsonObject) -> list[Json]:
    """The answers of a batch that is over; they stand in its result, and once more in what is said about it."""
    for holder in (get_object(doc, "response"), get_object(get_object(doc, "metadata"), "output")):
        for name in _INLINE:
            if found := get_list(get_object(holder, name), name):
                return found
    return []
