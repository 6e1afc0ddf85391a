"""Amazon SageMaker's endpoints: any model in any server, mostly in the formats of a few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from weir.model import Exchange
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.any_reply import ShapeEvents
from weir.providers.formats.base import compact
from weir.providers.formats.huggingface import GeneratedEvents, HuggingFace
from weir.providers.formats.prompt_json import PromptJson
from weir.providers.replies.eventreading import exception_bytes
from weir.providers.replies.notes import Events
from weir.providers.replies.payloads import PayloadReader

__all__ = ["SageMaker"]

_ERRORS: Final = {403: "AccessDeniedException", 429: "ThrottlingException", 503: "ServiceUnavailable"}


class SageMaker(PromptJson):
    """``/endpoints/{name}/invocations`` and ``invocations-response-stream``: the endpoint's name stands for a model."""

    id = "sagemaker"
    sections: ClassVar = {**PromptJson.sections, **HuggingFace.sections}

    def __init__(self) -> None:
        super().__init__(self.id)

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return ShapeEvents(exchange, GeneratedEvents())

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader of documents, and of AWS's event stream with pieces of another stream in it."""
        return PayloadReader(self.events(exchange), content_type, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """AWS's error body."""
        return compact({"__type": _error_name(status), "message": self.say(message, rule_id)})

    def refusal_headers(self, status: int) -> Mapping[str, str]:
        """The error's name, where AWS gives it and some SDKs look only."""
        return {"x-amzn-errortype": _error_name(status)}

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """An exception message, as a model's own failure has it."""
        body = compact({"Message": self.say(message, rule_id), "ErrorCode": "ModelInvocationRefused"})
        return exception_bytes("ModelStreamError", body)


def _error_name(status: int) -> str:
    return _ERRORS.get(status, "InternalFailure" if status >= 500 else "ValidationError")
