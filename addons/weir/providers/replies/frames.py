"""Messages of a WebSocket to an AI service: JSON documents by the names that realtime interfaces share.

A message from the client is read like a body: every text in it is a segment, whatever member it hides in. A message
from the server is read like an event of a stream. What is no JSON is handed on as one text, and marked.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, Final, NamedTuple

from weir.model import Endpoint, Exchange, Inspection, Segment, Unparsed, Usage
from weir.ports import TextMap
from weir.providers.formats.base import BaseDialect, compact
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.formats.openai_responses import OpenAIResponses, note_call
from weir.providers.replies.notes import Events, Notes, Place, Step, consistent
from weir.providers.replies.reading import EventReader
from weir.providers.requests.walk import KEY_SUFFIX
from weir.providers.wire.values import JsonObject, get_list, get_object, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["FRAME", "FrameReader", "Frames", "Turn", "read_frame"]

FRAME: Final = "#frame"  # pointer of a message that is no JSON: read, never edited
_TURNS_MAX: Final = 10_000
_TURN_ENDS: Final = frozenset({"response.done", "response.completed", "response.incomplete", "response.failed"})
_HEARD: Final = "conversation.item.input_audio_transcription.completed"
_SET_UP: Final = ("session", "setup", "response")
_BLANK: Final = " \t\r\n\f\v\0\ufeff"
_TEXT_SHARE: Final = 4  # of bytes of sound, less than one in so many looks like text
_STRINGS = re.compile(rb"[\t\x20-\x7e]{8,}")  # what may be text in a message of bytes


class Turn(NamedTuple):
    """One answer of the server's that has ended, or one piece of sound that it has written down."""

    model: str  # as its own message names it; "" when only the session does
    response_id: str
    finish_reason: str
    usage: Usage | None
    tool_calls: tuple[tuple[str, str], ...] = ()
    heard: bool = False  # a transcript: another model's work, at its own price
    text: str = ""
    arguments: tuple[str, ...] = ()  # as in `Reply`


class Frames(OpenAIResponses):
    """OpenAI's realtime and responses interfaces over a WebSocket, and whatever speaks like them."""

    id = "frames"
    scalars: ClassVar = {**OpenAIResponses.scalars, "generate": "generate"}
    sections: ClassVar = {"item": "user", "tools": "tool_definition", "instructions": "system", "input": "user"}
    members: ClassVar = {"tools": "tool_definition", "instructions": "system", "systemInstruction": "system"}

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As a body; a model may be named one level down, where a session is set up."""
        response = get_object(document, "response")
        if get_text(response, "conversation") in ("auto", "none"):  # this socket's own, or none at all
            response = {name: value for name, value in response.items() if name != "conversation"}
            document = {**document, "response": response}
        exchange = super().read(document, endpoint)
        if get_text(document, "type") == "input_audio_buffer.append":
            exchange = _sound(exchange, get_text(document, "audio"))
        if exchange.model:
            return exchange
        named = (plausible_model(get_text(get_object(document, name), "model")) for name in _SET_UP)
        return replace(exchange, model=next(filter(None, named), ""))

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Tools of a message, or of the session or response that it sets up."""
        for holder in (document, *(get_object(document, name) for name in _SET_UP)):
            yield from super().tools(holder)

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Settings of a message, and of the session or response that it sets up."""
        found = super().parameters(document)
        for name in _SET_UP:
            found |= super().parameters(get_object(document, name))
        return found

    def events(self, exchange: Exchange) -> Events:
        """How the messages of the server are read."""
        return _FrameEvents(super().events(exchange))

    def frame_reader(self, exchange: Exchange, text: TextMap | None = None) -> FrameReader:
        """A reader for the messages of the server."""
        return FrameReader(self.events(exchange), text)

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The last message before the socket is closed."""
        error: JsonObject = {**self.error(403, message, rule_id), "event_id": None}
        return compact({"type": "error", "event_id": "weir", "error": error})


def _sound(exchange: Exchange, coded: str) -> Exchange:
    """A piece of sound as it comes from a microphone: nobody here hears it, but texts in its bytes are handed on."""
    try:
        data = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        return exchange
    texts = _STRINGS.findall(data)
    if not data or sum(map(len, texts)) * _TEXT_SHARE > len(data):
        return exchange  # these bytes may be no sound at all: they are read as they stand
    others = tuple(segment for segment in exchange.segments if segment.pointer != "/audio")
    said = b"\n".join(texts).decode("ascii")
    heard = (Segment(f"/audio{KEY_SUFFIX}", "user", said),) if said.strip() else ()
    reason = "; ".join(filter(None, (exchange.reason, "audio")))
    return replace(exchange, segments=(*others, *heard), inspection=Inspection.PARTIAL, reason=reason)


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

    def take_turns(self) -> Sequence[Turn]:
        """The turns that have ended since this was last asked."""
        turns: list[Turn] = getattr(self._events, "turns", [])
        ended = tuple(turns)
        turns.clear()
        return ended

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
        self._calls = 0  # tool calls of the turns that have ended
        self._chars = 0  # and characters that they said
        self._ear = ""  # the model that writes down what it hears
        self.turns: list[Turn] = []

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = get_text(doc, "type")
        if kind.startswith("session."):
            self._ear = _ear(get_object(doc, "session")) or self._ear
        notes.usage = None
        step = self._events.event(name, doc, notes)
        if kind in _TURN_ENDS or kind == _HEARD:
            self._ended(kind, doc, notes)
        notes.usage = self._used if self._used.source != "none" else None
        if kind == "response.done":
            notes.complete = True
            notes.name(finish_reason=get_text(get_object(doc, "response"), "status"))
            return Step(ends=("",), wholes=(("", doc),))
        if not kind:
            return Step(wholes=(("", doc),))
        return step

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._events.whole(doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return self._events.tail(doc, place, text)

    def _ended(self, kind: str, doc: JsonObject, notes: Notes) -> None:
        response, heard = get_object(doc, "response"), kind == _HEARD
        usage = openai_usage(doc.get("usage")) if heard else notes.usage
        if heard and usage is None:
            return
        for item in () if heard else get_list(response, "output"):
            note_call(item, notes)
        said = notes.reply()
        calls = said.tool_calls
        if usage is not None:
            usage = consistent(usage)
            self._used = self._used.plus(usage)
        if len(self.turns) < _TURNS_MAX:
            self.turns.append(
                Turn(
                    self._ear if heard else get_text(response, "model"),
                    get_text(doc, "item_id") if heard else get_text(response, "id"),
                    "" if heard else _finish(response),
                    usage,
                    () if heard else calls[self._calls :],
                    heard,
                    "" if heard else said.text[self._chars :],
                    () if heard else said.arguments[self._calls :],
                )
            )
        if not heard:
            self._calls, self._chars = len(calls), len(said.text)


def _finish(response: JsonObject) -> str:
    reason = get_text(get_object(response, "incomplete_details"), "reason")
    return reason or get_text(get_object(response, "status_details"), "reason") or get_text(response, "status")


def _ear(session: JsonObject) -> str:
    heard = get_object(get_object(get_object(session, "audio"), "input"), "transcription")
    return get_text(heard or get_object(session, "input_audio_transcription"), "model")[:256]
