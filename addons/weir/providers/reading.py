"""Reads a reply as it passes: framing, events, and the mapping of its texts on their way to the client.

Without a `TextMap` and nothing to strip, bytes go out as they come in, at once; reading only listens. With one, an
event leaves when it is whole, unchanged byte for byte unless a text in it changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from weir.model import Inspection, Reply, Unparsed
from weir.ports import TextMap
from weir.providers.arrays import ArrayFramer, Piece
from weir.providers.channels import Channels
from weir.providers.jsondoc import loads_reply, splice
from weir.providers.notes import Events, Notes, Place, Step
from weir.providers.outline import outline
from weir.providers.pointers import reply_room
from weir.providers.sse import Frame, Framer, event_bytes, with_data
from weir.providers.texts import texts_in
from weir.providers.values import JsonObject

__all__ = ["BODY_BYTES_MAX", "READ_BYTES_MAX", "EventReader", "Events"]

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
_BRACKETS_MAX: Final = 200_000  # of one document or event: each may be a value to be made
READ_BYTES_MAX: Final = 4 * 1024 * 1024  # of one document or event: reading more would hold up everybody else
_CHANNELS_MAX: Final = 1024
_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_FIELD_STARTS: Final = frozenset({b"d", b"e", b":", b"i", b"r", _BOM[:1]})  # data, event, comment, id, retry
# Members of a whole document that hold no text: encoded media, the provider's seals, numbers and what they belong to.
_NO_TEXT: Final = frozenset(
    {"encrypted_content", "signature", "thoughtSignature", "b64_json", "partial_image_b64", "logprobs", "embedding"}
)
_INNER: Final = frozenset({"arguments"})


class EventReader:
    """The `ReplyReader` of all JSON dialects. No bytes make it raise; what it can't read passes, and is marked."""

    def __init__(
        self, events: Events, content_type: str, stream: bool, text: TextMap | None = None, strip_usage: bool = False
    ) -> None:
        self._events = events
        self._notes = Notes()
        self._channels = Channels(text) if text is not None else None
        self._strip = strip_usage
        self._editing = text is not None or strip_usage
        self._open: dict[str, tuple[str, JsonObject, Place]] = {}
        self._head = bytearray()  # a JSON document, until it is whole
        self._indented = False  # the last byte before the first that says something was a blank
        self._framer = Framer(READ_BYTES_MAX)
        self._array = ArrayFramer(READ_BYTES_MAX)
        self._stream = stream
        self._framing = "sse" if content_type.partition(";")[0].strip().lower() == "text/event-stream" else ""
        self._closed = False
        self._seen = False  # any event

    def feed(self, data: bytes) -> bytes:
        """Take decoded reply bytes; return the bytes for the client."""
        if self._closed:
            return data
        out = self._take(data)
        return out if self._editing else data

    def close(self) -> bytes:
        """The reply has ended; return what is still to be sent. Later calls return nothing."""
        if self._closed:
            return b""
        self._closed = True
        if self._framing == "sse":
            out = self._close_sse()
        elif self._framing == "array":
            out = b"".join(self._piece(piece) for piece in self._array.close())
            out += b"".join(b",\n" + _compact(doc) for _, doc in self._tails(("",)))
        elif self._framing == "json":
            out = self._document(bytes(self._head))
        else:
            out = b""
        self._head.clear()
        return out if self._editing else b""

    def reply(self) -> Reply:
        """What is known so far."""
        return self._notes.reply()

    def _take(self, data: bytes) -> bytes:
        if self._framing:
            return self._framed(data)
        # White space before the first byte that says something goes on as it comes: any amount of it, and none is kept.
        start = len(data) - len(data.lstrip(_SPACE))
        if start:
            self._indented = data[start - 1] in b" \t"
        if start == len(data):
            return data
        self._framing = self._sniff(data[start : start + 1])
        return data[:start] + self._framed(data[start:])

    def _framed(self, data: bytes) -> bytes:
        if self._framing == "sse":
            return b"".join(self._frame(frame) for frame in self._framer.feed(data))
        if self._framing == "array":
            return b"".join(self._piece(piece) for piece in self._array.feed(data))
        if self._framing != "json":
            return data
        self._head += data
        if len(self._head) <= BODY_BYTES_MAX:
            return b""
        self._framing = "raw"
        self._notes.mark(Inspection.PARTIAL, "reply over the limit")
        data = bytes(self._head)
        self._head.clear()
        return data

    def _sniff(self, first: bytes) -> str:
        """The framing by the first byte that says something: a reply's content type is often wrong."""
        if first == b"{":
            return "json"
        if first == b"[":
            return "array" if self._events.array else "json"
        if self._stream and first in _FIELD_STARTS and not self._indented:
            return "sse"
        self._notes.mark(Inspection.UNPARSED, "reply is neither JSON nor an event stream")
        return "raw"

    def _load(self, data: bytes) -> JsonObject | None:
        if self._crowded(_is_crowded(data)):
            return None
        try:
            doc = loads_reply(data.removeprefix(_BOM))
        except Unparsed as error:
            self._notes.mark(Inspection.PARTIAL, f"event: {error}")
            return None
        if isinstance(doc, dict):
            return doc
        self._notes.mark(Inspection.PARTIAL, "event: not a JSON object")
        return None

    def _step(self, name: str, doc: JsonObject) -> Step:
        self._notes.room = reply_room()
        step = self._events.event(name, doc, self._notes)
        self._notes.keep_all(step.places)
        self._crowded(self._notes.room.short)
        return step

    def _crowded(self, short: bool) -> bool:
        if short:
            self._notes.mark(Inspection.PARTIAL, "too many texts")
        return short

    # ── server-sent events

    def _frame(self, frame: Frame) -> bytes:
        if frame.data is None:
            if frame.oversize:
                self._notes.mark(Inspection.PARTIAL, "event over the limit")
            return frame.raw
        self._seen = True
        if frame.data.strip() in self._events.end_marks:
            self._notes.complete = True
            return self._tail_events(("",)) + frame.raw
        doc = self._load(frame.data)
        if doc is None:
            return frame.raw
        step = self._step(frame.event, doc)
        if self._strip and step.usage_only:
            return b""
        if self._channels is None:
            return frame.raw
        before = self._tail_events(step.ends, step.places)
        edited = self._edit(frame.event, doc, frame.data, step)
        return before + (frame.raw if edited is frame.data else with_data(frame, edited))

    def _tail_events(self, ends: Sequence[str], places: Sequence[Place] = ()) -> bytes:
        return b"".join(event_bytes(_compact(doc), name) for name, doc in self._tails(ends, places))

    def _close_sse(self) -> bytes:
        out = b"".join(self._frame(frame) for frame in self._framer.close())
        if out.strip() and not self._seen:
            self._notes.mark(Inspection.UNPARSED, "no events in an event stream")
        tails = self._tail_events(("",))
        # A last event without its blank line has to be ended before another can follow.
        return out + (b"\n\n" if out and tails else b"") + tails

    # ── JSON arrays

    def _piece(self, piece: Piece) -> bytes:
        if piece.kind == "between":
            return piece.raw
        if piece.kind == "end":
            return b"".join(b",\n" + _compact(doc) for _, doc in self._tails(("",))) + piece.raw
        if piece.oversize:
            self._notes.mark(Inspection.PARTIAL, "event over the limit")
            return piece.raw
        doc = self._load(piece.raw)
        if doc is None:
            return piece.raw
        step = self._step("", doc)
        if self._channels is None:
            return piece.raw
        before = b"".join(_compact(doc) + b",\n" for _, doc in self._tails(step.ends, step.places))
        return before + self._edit("", doc, piece.raw, step)

    # ── one document

    def _document(self, data: bytes) -> bytes:
        if len(data) > READ_BYTES_MAX or _is_crowded(data):
            self._notes.mark(Inspection.PARTIAL, "reply too large to read")
            self._events.whole(outline(data), self._notes)
            return data
        try:
            doc = loads_reply(data.removeprefix(_BOM))
        except Unparsed as error:
            self._notes.mark(Inspection.UNPARSED, f"reply: {error}")
            return data
        self._notes.complete = True
        self._notes.room = reply_room()
        for _, part in self._notes.each(doc if isinstance(doc, list) else [doc]):
            if isinstance(part, dict):
                self._events.whole(part, self._notes)
        self._crowded(self._notes.room.short)
        return self._edit("", {}, data, Step(wholes=(("", doc),)))

    # ── texts

    def _edit(self, name: str, doc: JsonObject, data: bytes, step: Step) -> bytes:
        """``data`` with its texts mapped; the same object when none changed."""
        channels = self._channels
        # No reply has so many texts in one event that it could be held to them all.
        if channels is None or self._crowded(self._notes.room.short or len(step.places) > _CHANNELS_MAX):
            return data
        edits: dict[str, str] = {}
        last = {place.channel: place.pointer for place in step.places}
        for place in step.places:
            new = channels.feed(place.channel, place.text, inner=place.inner)
            if place.channel.startswith(tuple(step.ends)) and last[place.channel] == place.pointer:
                new += channels.flush(place.channel)
                self._open.pop(place.channel, None)
            else:
                self._open[place.channel] = (name, doc, place)
            if new != place.text:
                edits[place.pointer] = new
        return self._splice(data, edits | self._wholes(channels, step))

    def _wholes(self, channels: Channels, step: Step) -> dict[str, str]:
        """New texts by pointer for the parts of an event whose every string stands complete; none if they are many."""
        room = reply_room()
        edits: dict[str, str] = {}
        for pointer, value in step.wholes:
            for text in texts_in(value, pointer, "", _NO_TEXT, room):
                new = channels.whole(text.text, inner=text.name in _INNER)
                if new != text.text:
                    edits[text.pointer] = new
        return {} if self._crowded(room.short) else edits

    def _splice(self, data: bytes, edits: dict[str, str]) -> bytes:
        if not edits:
            return data
        plain = data.removeprefix(_BOM)
        try:
            return data[: len(data) - len(plain)] + splice(plain, edits, reply=True)
        except Unparsed as error:
            self._notes.mark(Inspection.PARTIAL, f"edit: {error}")
            return data

    def _tails(self, ends: Sequence[str], places: Sequence[Place] = ()) -> list[tuple[str, JsonObject]]:
        """Events with what is held back in channels that end, except those that ``places`` still add to."""
        channels = self._channels
        if channels is None or not self._open:
            return []
        going = {place.channel for place in places}
        found: list[tuple[str, JsonObject]] = []
        ended = [c for c in self._open if c.startswith(tuple(ends)) and c not in going]
        if len(self._open) > _CHANNELS_MAX:
            # No reply has so many at once: end the oldest rather than let them pile up.
            known = {*ended, *going}
            ended += [c for c in list(self._open)[:-_CHANNELS_MAX] if c not in known]
        for channel in ended:
            name, doc, place = self._open.pop(channel)
            tail = channels.flush(channel)
            if tail:
                found.append((name, self._events.tail(doc, place, tail)))
        return found


def _compact(doc: JsonObject) -> bytes:
    return json.dumps(doc, ensure_ascii=True, separators=(",", ":")).encode()


def _is_crowded(data: bytes) -> bool:
    return len(data) > _BRACKETS_MAX and data.count(b"[") + data.count(b"{") > _BRACKETS_MAX
