"""ChatGPT's own page and apps: ``/backend-api/conversation`` and the like. Undocumented, so as well as can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from weir.model import Exchange
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.notes import Events
from weir.providers.replies.patches import PatchEvents, PatchReader
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import JsonObject, compact, get_list, get_object

__all__ = ["ChatGPTWeb"]

_EARLIER: Final = "earlier turns kept by the provider"
_FILE: Final = "file kept by the provider"


class ChatGPTWeb(BaseDialect):
    """One turn: the new message alone; what was said before it stands with the provider."""

    id = "chatgpt_web"
    sections: ClassVar = {"messages": "user", "system_hints": "system"}
    scalars: ClassVar = {"action": "action", "history_and_training_disabled": "temporary"}

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Earlier turns, and files that were uploaded before."""
        if document.get("conversation_id"):
            yield _EARLIER
        for message in get_list(document, "messages"):
            parts = get_list(get_object(message, "content"), "parts")
            if get_list(get_object(message, "metadata"), "attachments") or any(isinstance(p, dict) for p in parts):
                yield _FILE

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return PatchEvents()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for patches, and for whole messages in their place."""
        return PatchReader(self.events(exchange), content_type, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """What the page shows in the answer's place."""
        return compact({"detail": {"message": self.say(message, rule_id), "code": rule_id}})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """An event with the error, and the end of the stream."""
        error = compact({"message": None, "error": self.say(message, rule_id)})
        return b"\n\n" + event_bytes(error) + event_bytes(b"[DONE]")
