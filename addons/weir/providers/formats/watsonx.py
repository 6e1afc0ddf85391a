"""IBM watsonx: text generation of its own, chat and embeddings in shapes close to OpenAI's."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Usage
from weir.providers.formats.any_reply import ShapeEvents
from weir.providers.formats.base import compact, scalars_of
from weir.providers.formats.flat import FlatEvents
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.replies.notes import Events, Notes
from weir.providers.wire.values import JsonObject, get_count, get_list, get_object, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["Watsonx"]

_ERRORS: Final = {401: "authentication_token_not_valid", 403: "no_associated_service_instance_error"}


class Watsonx(OpenAIChat):
    """``/ml/v1/text/generation``, ``chat``, ``embeddings``, and their streams; the model is ``model_id``."""

    id = "watsonx"
    sections: ClassVar = {**OpenAIChat.sections, "input": "user", "inputs": "user", "query": "user", "system": "system"}
    scalars: ClassVar = {
        **OpenAIChat.scalars,
        "max_new_tokens": "max_tokens",
        "top_k": "top_k",
        "decoding_method": "decoding_method",
    }

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; its stream reports usage unasked."""
        exchange = super().read(document, endpoint)
        named = exchange.model or plausible_model(get_text(document, "model_id"))
        return replace(exchange, model=named, asks_usage=True)

    def ask_usage(self, body: bytes) -> bytes | None:
        """None: usage comes unasked."""
        return None

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of the request and of its ``parameters``."""
        return scalars_of(document, self.scalars) | scalars_of(get_object(document, "parameters"), self.scalars)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return ShapeEvents(exchange, _GenerationEvents())

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """IBM's error body."""
        code = _ERRORS.get(status, "invalid_request_entity")
        error: JsonObject = {"code": code, "message": self.say(message, rule_id)}
        return compact({"errors": [error], "trace": rule_id, "status_code": status})


class _GenerationEvents(FlatEvents):
    """Counts stand in each result: the prompt's in one event of a stream, those of the text grow."""

    said: ClassVar = frozenset({"generated_text"})

    def __init__(self) -> None:
        self._asked = self._given = 0

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        over = super().head(doc, notes)
        notes.name(model=get_text(doc, "model_id"))
        results = get_list(doc, "results")
        counts = [doc, *results[:10_000]]
        if not any(isinstance(one, dict) and "input_token_count" in one for one in counts):
            return over
        self._asked = max(self._asked, sum(get_count(one, "input_token_count") for one in counts))
        self._given = max(self._given, sum(get_count(one, "generated_token_count") for one in counts))
        notes.usage = Usage(input_tokens=self._asked, output_tokens=self._given, source="reported")
        return over
