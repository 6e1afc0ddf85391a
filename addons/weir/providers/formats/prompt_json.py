"""JSON with a prompt in it, of servers that have no format in common: pictures, films, songs, models of anybody's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final, Literal

from weir.model import Exchange
from weir.providers.formats.any_reply import ShapeEvents
from weir.providers.formats.base import BaseDialect, compact, scalars_of
from weir.providers.formats.flat import FlatEvents
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.replies.notes import Events
from weir.providers.wire.values import JsonObject, get_object, get_text

__all__ = ["PromptJson"]

_HTTP: Final = ("http://", "https://")
_FETCHED: Final = ("image", "video", "audio", "init_image", "mask", "start_image")
_HOLDERS: Final = ("input", "parameters", "options")
_STATUS: Final = {401: "unauthorized", 403: "permission_denied", 429: "rate_limit_exceeded"}


class PromptJson(BaseDialect):
    """Reads any JSON: what goes by a prompt's names is the user's. ``error`` is the shape in which it says no."""

    id = "prompt_json"
    sections: ClassVar = {
        **OpenAIChat.sections,
        **dict.fromkeys(("prompts", "negative_prompt", "text_prompts", "text", "texts", "input", "inputs"), "user"),
        **dict.fromkeys(("query", "question", "instances", "contents", "message", "documents", "image_prompt"), "user"),
        **dict.fromkeys(("system", "system_prompt", "instructions", "preamble", "systemInstruction"), "system"),
        "system_instruction": "system",
    }
    members: ClassVar = {"system_prompt": "system", "system_instruction": "system", "systemInstruction": "system"}
    scalars: ClassVar = {
        **OpenAIChat.scalars,
        "max_new_tokens": "max_tokens",
        "top_k": "top_k",
        "num_images": "n",
        "num_outputs": "n",
        "samples": "n",
        "aspect_ratio": "aspect_ratio",
        "output_format": "output_format",
    }

    def __init__(
        self, dialect_id: str = "prompt_json", error: Literal["openai", "detail", "errors"] = "openai"
    ) -> None:
        self.id = dialect_id
        self._error = error

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Pictures and the like may be addresses, which the provider fetches."""
        for holder in (document, get_object(document, "input")):
            if any(get_text(holder, name).lower().startswith(_HTTP) for name in _FETCHED):
                yield "remote file"

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings, at the top or one level down."""
        found = scalars_of(document, self.scalars)
        for name in _HOLDERS:
            found |= scalars_of(get_object(document, name), self.scalars)
        return found

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return ShapeEvents(exchange, FlatEvents())

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """The error body: OpenAI's, one ``detail``, or a list of ``errors`` with a name."""
        said = self.say(message, rule_id)
        if self._error == "detail":
            return compact({"detail": said})
        if self._error == "errors":
            return compact({"id": rule_id, "name": _STATUS.get(status, "bad_request"), "errors": [said]})
        return super().refusal(status, message, rule_id)
