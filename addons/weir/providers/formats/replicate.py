"""Replicate: predictions, which are made, asked for again and streamed under an address of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Usage
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.formats.flat import FlatEvents
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.textevents import TEXT, TextEventReader
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import JsonObject, get_count, get_object, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["Replicate"]

_OUTPUT: Final = "output"
_OVER: Final = ("succeeded", "failed", "canceled", "aborted")
_TITLES: Final = {401: "Unauthenticated", 403: "Permission denied", 404: "Not found", 429: "Too many requests"}
_SECONDS_MAX: Final = 1e7
_HTTP: Final = ("http://", "https://")


class Replicate(BaseDialect):
    """``/v1/predictions``, those of a model or a deployment, and a prediction that is asked for later."""

    id = "replicate"
    sections: ClassVar = {"input": "user"}
    members: ClassVar = {"system_prompt": "system", "system_instruction": "system", "tools": "tool_definition"}
    scalars: ClassVar = {
        "max_tokens": "max_tokens",
        "max_new_tokens": "max_tokens",
        "max_completion_tokens": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "seed": "seed",
        "num_outputs": "n",
        "aspect_ratio": "aspect_ratio",
    }

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; the model may be named with its version, which has a member of its own."""
        exchange = super().read(document, endpoint)
        if exchange.model:
            return exchange
        # owner/name:version is a model of that name; a version alone is all there is to name it by.
        return replace(exchange, model=plausible_model(get_text(document, "version").partition(":")[0]))

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """What a model works on is mostly an address, which the provider fetches."""
        given = get_object(document, "input").values()
        if any(isinstance(value, str) and value.lower().startswith(_HTTP) and " " not in value for value in given):
            yield "remote file"

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings, which stand among the input. What is made is fetched, unless the client waits for it."""
        return {**scalars_of(get_object(document, "input"), self.scalars), "background": True}

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _PredictionEvents()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader of documents and of events whose output is plain text."""
        return TextEventReader(self.events(exchange), content_type, exchange.stream, text, names=frozenset({_OUTPUT}))

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Replicate's error body."""
        title = _TITLES.get(status, "Request refused")
        return compact({"title": title, "detail": self.say(message, rule_id), "status": status})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The ``error`` event of a stream."""
        return b"\n\n" + event_bytes(compact({"detail": self.say(message, rule_id)}), "error")


class _PredictionEvents(FlatEvents):
    said: ClassVar = frozenset({"output"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if name == _OUTPUT:
            return Step((Place(f"/{TEXT}", _OUTPUT, get_text(doc, TEXT)),))
        if name == "error" or doc.get("detail"):
            notes.name(finish_reason="error")
        notes.complete = notes.complete or name == "done"
        return Step(ends=("",), wholes=(("", doc),))

    def failed(self, doc: JsonObject) -> bool:
        return bool(doc.get("error")) or ("detail" in doc and "output" not in doc)

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        status = get_text(doc, "status")
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"), finish_reason=status)
        metrics = get_object(doc, "metrics")
        if "input_token_count" in metrics or "output_token_count" in metrics:
            asked, given = get_count(metrics, "input_token_count"), get_count(metrics, "output_token_count")
            notes.usage = Usage(input_tokens=asked, output_tokens=given, source="reported")
        elif isinstance(took := metrics.get("predict_time"), int | float) and 0 < took < _SECONDS_MAX:
            # No tokens but time on a machine is what this model costs.
            notes.usage = Usage(source="reported", parts=(("predict_milliseconds", round(took * 1000)),))
        return status in _OVER

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return {TEXT: text}
