"""Messages of a WebSocket to an AI service: JSON documents by the names that realtime interfaces share.

A message from the client is read like a body: every text in it is a segment, whatever member it hides in. A message
from the server is read like an event of a stream. What is no JSON is handed on as one text, and marked.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Segment, Unparsed, Usage
from weir.ports import TextMap
from weir.providers.formats.base import BaseDialect, compact
from weir.providers.formats.openai_responses import OpenAIResponses
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.wire.jsondoc import loads
from weir.providers.wire.values import JsonObject, get_object, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["FRAME", "FrameReader", "Frames", "read_frame"]

FRAME: Final = "#frame"  # pointer of a message that is no JSON: read, never edited
_SET_UP: Final = ("session", "setup", "response")
_BLANK: Final = " \t\r\n\f\v\0\ufeff"
_STRINGS = re.compile(rb"[\t\x20-\x7e]{8,}")  # what may be text in a message of bytes


class Frames(OpenAIResponses):
    """OpenAI's realtime and responses interfaces over a WebSocket, and whatever speaks like them."""

    id = "frames"
    sections: ClassVar = {"item": "user", "tools": "tool_definition", "instructions": "system", "input": "user"}
    members: ClassVar = {"tools": "tool_definition", "instructions": "system", "systemInstruction": "system"}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """As a body; a model may be named one level down, where a session is set up."""
        exchange = super().parse(body, endpoint)
        if exchange.model:
            return exchange
        document = loads(body)
        named = (plausible_model(get_text(get_object(document, name), "model")) for name in _SET_UP)
        return replace(exchange, model=next(filter(None, named), ""))

    def events(self, exchange: Exchange) -> Events:
        """How the messages of the server are read."""
        return _FrameEvents(super().events(exchange))

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The last message before the socket is closed."""
        error: JsonObject = {**self.error(403, message, rule_id), "event_id": None}
        return compact({"type": "error", "event_id": "weir", "error": error})


def read_frame(dialect: BaseDialect, data: bytes, endpoint: Endpoint, number: int, *, is_text: bool) -> Exchange:
    """Read one message; ``number`` counts the socket's messages from 1. Never raises, whatever the bytes."""
    try:
        exchange = dialect.parse(data, endpoint)
    except Unparsed as error:
        return _unread(data, endpoint, number, str(error), is_text=is_text)
    segments = tuple(replace(segment, frame=number) for segment in exchange.segments)
    return replace(exchange, segments=segments)


def _unread(data: bytes, endpoint: Endpoint, number: int, why: str, *, is_text: bool) -> Exchange:
    """A message that is no JSON object. A text is wholly seen; of bytes only what may be text is."""
    if is_text:
        text, inspection, why = data.decode("utf-8", "replace"), Inspection.INSPECTED, ""
        if text.lstrip(_BLANK).rstrip()[:1] in ("{", "["):
            inspection, why = Inspection.UNPARSED, f"message: {why}"
    else:
        text = b"\n".join(_STRINGS.findall(data)).decode("ascii")
        inspection, why = Inspection.UNPARSED, "message of bytes"
    segments = (Segment(FRAME, "user", text, part="frame", frame=number),) if text.strip() else ()
    return Exchange(endpoint, "", True, segments, inspection=inspection, reason=why)


class FrameReader(EventReader):
    """Reads the server's messages; what comes back is what the client gets for each."""

    def __init__(self, events: Events, text: TextMap | None = None) -> None:
        super().__init__(events, "application/json", True, text)

    def message(self, data: bytes) -> tuple[bytes, ...]:
        """One whole message in; the messages that go to the client in its place, in order."""
        doc = self._load(data)
        if doc is None:
            return (data,)
        step = self._step("", doc)
        if self._editor is None:
            return (data,)
        before = tuple(compact(one) for _, one in self._tails(step.ends, step.places))
        return (*before, self._editor.edit("", doc, data, step))

    def rest(self) -> tuple[bytes, ...]:
        """Messages with what is still held back: the socket ends."""
        return tuple(compact(one) for _, one in self._tails(("",)))


class _FrameEvents:
    """As the events of a responses stream, but a socket has many responses, and their usage adds up."""

    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self, events: Events) -> None:
        self._events = events
        self._used = Usage()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        notes.usage = None
        step = self._events.event(name, doc, notes)
        if notes.usage is not None and get_text(doc, "type") in ("response.done", "response.completed"):
            self._used = _sum(self._used, notes.usage)
        notes.usage = self._used if self._used.source != "none" else None
        if get_text(doc, "type") == "response.done":
            notes.complete = True
            notes.name(finish_reason=get_text(get_object(doc, "response"), "status"))
            return Step(ends=("",), wholes=(("", doc),))
        if not get_text(doc, "type"):
            return Step(wholes=(("", doc),))
        return step

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._events.whole(doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return self._events.tail(doc, place, text)


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cache_read_tokens + other.cache_read_tokens,
        one.cache_write_tokens + other.cache_write_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
        other.source,
    )
