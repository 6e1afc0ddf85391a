"""Replies in a wire format that nobody here knows: every string in them is a text, found by the place it stands in."""

from __future__ import annotations

from typing import Final

from weir.ports import ReplyReader, TextMap
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.replies.texts import texts_in
from weir.providers.wire.values import JsonObject

__all__ = ["generic_events", "generic_reader"]

# Said in every event, and no text of anybody's.
_NO_TEXT: Final = frozenset({"id", "type", "object", "model", "role", "event", "created_at", "b64_json", "embedding"})


class _AnyEvents:
    """Strings at the same place of one event after the other are read as one text: that is how text is streamed."""

    array = False
    end_marks = frozenset({b"[DONE]"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        found = texts_in(doc, "", f"{name[:64]}:", _NO_TEXT, notes.room)
        return Step([Place(text.pointer, text.channel, text.text, kept=False) for text in found])

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        """Its strings are texts by themselves."""

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc


def generic_events() -> Events:
    """How events in a format that nobody here knows are read."""
    return _AnyEvents()


def generic_reader(content_type: str, text: TextMap) -> ReplyReader:
    """A reader for events, JSON, lines of JSON or plain text.

    In a document ``text`` may change what it is given. In events it may only look: of a field that every event has,
    nobody knows whether it is text.
    """
    return EventReader(_AnyEvents(), content_type, False, text)
