"""Databricks model serving: chat, completions, embeddings, agents, and custom models by rows of a table."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange
from weir.providers.formats.any_reply import ShapeEvents
from weir.providers.formats.base import compact
from weir.providers.formats.flat import FlatEvents
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.replies.notes import Events, Notes
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["Databricks"]

_ERRORS: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


class Databricks(OpenAIChat):
    """``/serving-endpoints/{name}/invocations``: what an endpoint takes shows in the body alone."""

    id = "databricks"
    sections: ClassVar = {
        **OpenAIChat.sections,
        **dict.fromkeys(("input", "inputs", "instances", "dataframe_split", "dataframe_records"), "user"),
        "instructions": "system",
        "params": "parameter",
    }

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; its streams report usage unasked."""
        return replace(super().read(document, endpoint), asks_usage=True)

    def ask_usage(self, body: bytes) -> bytes | None:
        """None: usage comes unasked."""
        return None

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return ShapeEvents(exchange, _ServedEvents())

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Databricks' error body."""
        code = _ERRORS.get(status, "INTERNAL_ERROR" if status >= 500 else "INVALID_PARAMETER_VALUE")
        return compact({"error_code": code, "message": self.say(message, rule_id)})


class _ServedEvents(FlatEvents):
    """Predictions of custom models are texts, or rows of them under any name."""

    def failed(self, doc: JsonObject) -> bool:
        return "error_code" in doc or super().failed(doc)

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        over = super().head(doc, notes)
        notes.name(response_id=get_text(doc, "databricks_request_id"))
        return over
