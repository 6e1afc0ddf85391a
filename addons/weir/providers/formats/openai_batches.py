"""OpenAI batches: requests in a file that was uploaded before, answers in a file that is fetched later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Exchange
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import OpenAIChat, openai_usage
from weir.providers.formats.openai_embeddings import OpenAIEmbeddings
from weir.providers.formats.openai_images import ImageEvents
from weir.providers.formats.openai_responses import OpenAIResponses
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.replies.results import ResultEvents, ResultReader, openai_answer
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["OpenAIBatches", "OpenAIResults"]

_OVER: Final = frozenset({"completed", "expired", "cancelled", "failed"})


class OpenAIBatches(BaseDialect):
    """``/v1/batches`` and ``/v1/batches/{id}``."""

    id = "openai_batches"
    scalars: ClassVar = {"completion_window": "completion_window"}

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """The requests themselves stand in the file, and were looked at when it was uploaded, if it came this way."""
        yield "requests in a file kept by the provider" if document.get("input_file_id") else ""

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return _BatchEvents()


class _BatchEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self.whole(doc, notes)
        return NO_STEP

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        if get_text(doc, "object") != "batch":
            notes.name(finish_reason="error" if doc.get("error") else "")
            return
        status = get_text(doc, "status")
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"), finish_reason=status)
        usage = openai_usage(doc.get("usage"))
        if usage is None or status not in _OVER or not (usage.input_tokens or usage.output_tokens):
            return
        # The same as the lines of the result file say in all, which is why it goes by that file's id.
        notes.by_model = {notes.model: replace(usage, tier="batch")}
        notes.usage_of = get_text(doc, "output_file_id")[:256] or notes.response_id

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc


class OpenAIResults(BaseDialect):
    """``/v1/files/{id}/content``: the results of a batch, or any other file."""

    id = "openai_results"

    def events(self, exchange: Exchange) -> Events:
        """How the lines of a result file are read."""
        chat, responses, rest = OpenAIChat(), OpenAIResponses(), OpenAIEmbeddings()

        def of(kind: str) -> Events:
            if kind in ("chat.completion", "text_completion"):
                return chat.events(exchange)
            if kind == "response":
                return responses.events(exchange)
            return rest.events(exchange) if kind else ImageEvents()

        return ResultEvents(lambda doc: openai_answer(doc, of))

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for the file; see `weir.ports.Dialect`."""
        return ResultReader(self.events(exchange), content_type, text)
