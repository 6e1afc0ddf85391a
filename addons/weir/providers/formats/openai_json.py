"""Documents of providers' other interfaces: stores, conversations, assistants, evaluations, sessions.

Nothing of them is known but that they are JSON: every text is read and can be edited, and what looks like the names
that the same provider uses elsewhere has the role that it has there.
"""

from __future__ import annotations

from typing import ClassVar, Final

from weir.model import Exchange
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.formats.openai_responses import OpenAIResponses
from weir.providers.replies.anystream import any_step, any_tail
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["AnthropicJson", "OpenAIJson"]

_SECTIONS: Final = {
    "instructions": "system",
    "additional_instructions": "system",
    "system": "system",
    "items": "user",
    "messages": "user",
    "input": "user",
    "prompt": "user",
    "query": "user",
    "content": "user",
    "thread": "user",
    "tools": "tool_definition",
}
_MEMBERS: Final = {"tools": "tool_definition", "instructions": "system"}
_ENDS: Final = (".completed", ".failed", ".cancelled", ".expired", ".incomplete")


class OpenAIJson(BaseDialect):
    """A document of an OpenAI interface that has no dialect of its own."""

    id = "openai_json"
    sections: ClassVar = _SECTIONS
    members: ClassVar = _MEMBERS
    types: ClassVar = OpenAIResponses.types
    scalars: ClassVar = {"stream": "stream"}

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _AnyEvents()


class AnthropicJson(AnthropicMessages):
    """A document of an Anthropic interface that has no dialect of its own."""

    id = "anthropic_json"
    sections: ClassVar = _SECTIONS
    members: ClassVar = {**_MEMBERS, "system": "system"}

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _AnyEvents()


class _AnyEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset({b"[DONE]", b'"[DONE]"'})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type") or name
        if kind.endswith(".delta"):
            return any_step(doc, notes)
        self._head(doc, notes)
        notes.complete = notes.complete or kind.endswith((".run.completed", ".response.completed"))
        return Step(ends=("",) if kind.endswith(_ENDS) else (), wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._head(doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return any_tail(doc, place, text)

    @staticmethod
    def _head(doc: JsonObject, notes: Notes) -> None:
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id"))
        notes.name(finish_reason="error" if doc.get("error") else get_text(doc, "status"))
        notes.usage = openai_usage(doc.get("usage")) or notes.usage
