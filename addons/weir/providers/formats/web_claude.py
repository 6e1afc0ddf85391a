"""Claude's own page: a prompt and what was attached to it in, the events of the Messages interface out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_list, get_text

__all__ = ["ClaudeWeb"]

_ROOT: Final = "00000000-0000-4000-8000-000000000000"  # the parent that the first turn of all names


class ClaudeWeb(AnthropicMessages):
    """``/api/organizations/{org}/chat_conversations/{id}/completion``: the new turn alone."""

    id = "claude_web"
    sections: ClassVar = {"prompt": "user", "attachments": "user", "text": "user", "tools": "tool_definition"}
    members: ClassVar = {"personalized_styles": "system", "prompt": "user"}
    scalars: ClassVar = {"rendering_mode": "rendering_mode"}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As a body; the answer always streams."""
        return replace(super().parse(body, endpoint), stream=True)

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Earlier turns, and files that were uploaded before."""
        if get_text(document, "parent_message_uuid") not in ("", _ROOT):
            yield "earlier turns kept by the provider"
        if get_list(document, "files") or get_list(document, "sync_sources"):
            yield "file kept by the provider"

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _WebEvents(super().events(exchange))


class _WebEvents:
    """As the Messages interface, and the older form: one event a piece of text."""

    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self, events: Events) -> None:
        self._events = events

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind != "completion":
            return self._events.event(name, doc, notes) if kind != "message_limit" else Step(wholes=(("", doc),))
        text, stop = get_text(doc, "completion"), get_text(doc, "stop_reason")
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "log_id"), finish_reason=stop)
        if stop:
            notes.complete = True
        return Step((Place("/completion", "completion", text),) if text else (), ends=("",) if stop else ())

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._events.whole(doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        if place.channel != "completion":
            return self._events.tail(doc, place, text)
        return {**doc, "completion": text, "stop_reason": None}
