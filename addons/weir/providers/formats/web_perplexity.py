"""Perplexity's own page: a question in, events out that add to the blocks of an answer. Undocumented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import Json, JsonObject, get_list, get_object, get_text, skeleton, token
from weir.providers.wire.words import plausible_model

__all__ = ["PerplexityWeb"]

_ANSWER: Final = "markdown_block"
_ON_THE_WAY: Final = frozenset({"field", "op", "path", "intended_usage", "backend_uuid", "context_uuid"})


class PerplexityWeb(BaseDialect):
    """``/rest/sse/perplexity_ask``."""

    id = "perplexity_web"
    sections: ClassVar = {"query_str": "user"}
    members: ClassVar = {"dsl_query": "user", "query_str": "user"}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As a body; the answer always streams."""
        return replace(super().parse(body, endpoint), stream=True)

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any; the model stands among the settings."""
        exchange = super().read(document, endpoint)
        named = get_text(get_object(document, "params"), "model_preference") or get_text(document, "model_preference")
        return replace(exchange, model=exchange.model or plausible_model(named))

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Earlier turns, and files that were uploaded before."""
        about = get_object(document, "params") or document
        if about.get("last_backend_uuid") or about.get("parent_entry_uuid"):
            yield "earlier turns kept by the provider"
        if get_list(about, "attachments"):
            yield "file kept by the provider"

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _AnswerEvents()


class _AnswerEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self) -> None:
        self._said = ""

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        notes.name(model=get_text(doc, "display_model"), response_id=get_text(doc, "backend_uuid"))
        if name == "end_of_stream" or doc.get("final_sse_message") is True:
            notes.complete = True
            notes.name(finish_reason=get_text(doc, "status").lower() or "completed")
        if doc.get("error_code") or get_text(doc, "status") == "FAILED":
            notes.name(finish_reason="error")
        for text in _answers(doc, notes):
            self._more(text, notes)
        places = list(_pieces(doc, notes))
        parted = {place.pointer.rpartition("/diff_block/")[0] for place in places}
        wholes: list[tuple[str, Json]] = [(f"/{token(k)}", v) for k, v in doc.items() if k != "blocks"]
        blocks = get_list(doc, "blocks")
        wholes += [(f"/blocks/{at}", one) for at, one in enumerate(blocks) if f"/blocks/{at}" not in parted]
        return Step(places, [""] if notes.complete else [], wholes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self.event("", doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    def _more(self, text: str, notes: Notes) -> None:
        """Keep what is new of ``text``: a piece of the answer, or all of it once more."""
        if text.startswith(self._said):
            more, self._said = text[len(self._said) :], text
        elif self._said.endswith(text) or text in ("", self._said):
            return
        else:
            more, self._said = text, self._said + text
        notes.keep(more)


def _answers(doc: JsonObject, notes: Notes) -> Iterator[str]:
    for _, block in notes.each(get_list(doc, "blocks")):
        yield _joined(get_object(block, _ANSWER))
        diff = get_object(block, "diff_block")
        if get_text(diff, "field") != _ANSWER:
            continue
        for _, patch in notes.each(get_list(diff, "patches")):
            value: Json = patch.get("value") if isinstance(patch, dict) else None
            path = get_text(patch, "path")
            if isinstance(value, str) and path.startswith(("/chunks/", "/answer")):
                yield value
            elif isinstance(value, dict):
                yield _joined(value)


def _pieces(doc: JsonObject, notes: Notes) -> Iterator[Place]:
    """What is added to the answer, piece by piece; other strings of an event stand complete."""
    for at, block in notes.each(get_list(doc, "blocks")):
        diff = get_object(block, "diff_block")
        if get_text(diff, "field") != _ANSWER:
            continue
        for number, patch in notes.each(get_list(diff, "patches")):
            if get_text(patch, "path").startswith("/chunks/") and (text := get_text(patch, "value")):
                yield Place(f"/blocks/{at}/diff_block/patches/{number}/value", "answer", text, kept=False)


def _joined(block: JsonObject) -> str:
    chunks = [chunk for chunk in get_list(block, "chunks") if isinstance(chunk, str)]
    return get_text(block, "answer") or "".join(chunks)
