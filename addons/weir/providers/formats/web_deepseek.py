"""DeepSeek's own page: a prompt in, patches out. Undocumented, so as well as can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from weir.model import Endpoint, Exchange
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.notes import Events
from weir.providers.replies.patches import PatchEvents, PatchReader
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import JsonObject, compact

__all__ = ["DeepSeekWeb"]


class DeepSeekWeb(BaseDialect):
    """``/api/v0/chat/completion``."""

    id = "deepseek_web"
    sections: ClassVar = {"prompt": "user"}
    scalars: ClassVar = {"thinking_enabled": "thinking", "search_enabled": "search"}

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Earlier turns, and files that were uploaded before."""
        if document.get("parent_message_id") is not None:
            yield "earlier turns kept by the provider"
        if document.get("ref_file_ids"):
            yield "file kept by the provider"

    def reports_usage(self, document: JsonObject, endpoint: Endpoint, stream: bool) -> bool:
        """A count in its stream is of the whole conversation, and none of this turn: nothing can be asked for."""
        return True

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return PatchEvents("APPEND")

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for patches."""
        return PatchReader(self.events(exchange), content_type, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """The envelope that all of its answers stand in."""
        return compact({"code": status, "msg": self.say(message, rule_id), "data": None})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """A hint of the kind error, as the page shows it, and the end."""
        hint = compact({"type": "error", "content": self.say(message, rule_id), "finish_reason": "error"})
        return b"\n\n" + event_bytes(hint, "hint") + event_bytes(b"{}", "close")
