"""Reads a reply as it passes: framing, events, and the mapping of its texts on their way to the client.

Without a `TextMap` and nothing to strip, bytes go out as they come in, at once; reading only listens. With one, an
event leaves when it is whole, unchanged byte for byte unless a text in it changed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from weir.model import Inspection, Reply, Unparsed
from weir.ports import TextMap
from weir.providers.replies.editing import Editor
from weir.providers.replies.loading import BOM, Loader
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.outline import outline
from weir.providers.wire.arrays import ArrayFramer, Piece
from weir.providers.wire.framing import compact, framing_of, is_crowded, sniffed
from weir.providers.wire.jsondoc import loads_reply
from weir.providers.wire.pointers import reply_room
from weir.providers.wire.sse import Frame, Framer, event_bytes, with_data, with_others
from weir.providers.wire.values import Json, JsonObject

__all__ = ["BODY_BYTES_MAX", "READ_BYTES_MAX", "EventReader", "Events"]

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
READ_BYTES_MAX: Final = 4 * 1024 * 1024  # of one document or event: reading more would hold up everybody else
_SPACE: Final = b" \t\r\n"
T = TypeVar("T")


class EventReader:
    """The `ReplyReader` of all JSON dialects. No bytes make it raise; what it can't read passes, and is marked."""

    def __init__(
        self, events: Events, content_type: str, stream: bool, text: TextMap | None = None, strip_usage: bool = False
    ) -> None:
        self._events = events
        self._notes = Notes()
        self._editor = None if text is None else Editor(events, self._notes, text)
        self._strip = strip_usage
        self._watched = self._editor is not None and self._editor.watch is not None
        self._editing = strip_usage or (self._editor is not None and self._editor.edits)
        self._head = bytearray()  # a JSON document, until it is whole
        self._indented = False  # the last byte before the first that says something was a blank
        self._framer = Framer(READ_BYTES_MAX)
        self._array = ArrayFramer(READ_BYTES_MAX)
        self._stream = stream
        self._stated = framing_of(content_type)
        self._framing = self._stated if self._stated == "lines" else ""
        self._closed = False
        me = weakref.proxy(self)  # its loader must not hold it: a reply that is over is free at once
        self._loader = Loader(self._notes.mark, lambda inspection, reason: me._unread(inspection, reason))
        self._seen = False  # any event
        self._opened = False  # the bracket of an array has gone out

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
        out = b"" if self._stopped() else self._close()
        self._head.clear()
        # What a stop left unsaid stays unsaid.
        return out if self._editing and not self._stopped() else b""

    def _close(self) -> bytes:
        if self._framing == "sse":
            return self._close_sse()
        if self._framing == "array":
            out = self._each(self._array.close(), self._piece)
            return out + b"".join(b",\n" + compact(doc) for _, doc in self._tails(("",)))
        if self._framing == "json":
            return self._document(bytes(self._head))
        if self._framing == "lines":
            out = self._each([bytes(self._head)], self._line)
            tails = b"".join(compact(doc) + b"\n" for _, doc in self._tails(("",)))
            return out + (b"\n" if out and tails else b"") + tails  # an empty line is no JSON to anybody
        return self._editor.raw(b"", last=True) if self._editor is not None else b""

    def _stopped(self) -> bool:
        return self._editor is not None and self._editor.stopped

    def _each(self, parts: Iterable[T], read: Callable[[T], bytes]) -> bytes:
        """What goes out for ``parts``: all before the one at which the reply is stopped."""
        out: list[bytes] = []
        for part in parts:
            made = read(part)
            if self._stopped():
                break
            out.append(made)
        return b"".join(out)

    def _unread(self, inspection: Inspection, reason: str) -> None:
        (self._notes.mark if self._editor is None else self._editor.unread)(inspection, reason)

    def _tails(self, ends: Sequence[str], places: Sequence[Place] = ()) -> list[tuple[str, JsonObject]]:
        return [] if self._editor is None else self._editor.tails(ends, places)

    def reply(self) -> Reply:
        """What is known so far."""
        return self._notes.reply()

    def work(self, size: int, *, end: bool) -> int:
        """How many bytes the next ``size`` bytes, or the end, would make this read."""
        if self._framing == "sse":
            return self._framer.held + size
        return len(self._head) if end else 0 if self._framing in ("json", "media") else size

    def ending(self, event: bytes, document: bytes) -> bytes:
        """What ends the reply in the middle with an error: ``event`` in a stream, ``document`` in an array or lines."""
        if self._framing == "sse":
            return event
        if self._framing == "array":
            return (b",\n" if self._seen else b"" if self._opened else b"[") + document + b"]"
        return document + b"\n" if self._framing == "lines" else b""

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
        if self._stopped():
            return b""
        if self._framing == "sse":
            return self._each(self._framer.feed(data), self._frame)
        if self._framing == "array":
            return self._each(self._array.feed(data), self._piece)
        if self._framing == "media":
            return data
        if self._framing == "raw":
            return data if self._editor is None else self._each([data], self._editor.raw)
        if self._framing == "lines":
            return self._lines(data)
        self._head += data
        if len(self._head) <= BODY_BYTES_MAX:
            return b""
        self._framing = "raw"
        self._unread(Inspection.PARTIAL, "reply over the limit")
        data = bytes(self._head)
        self._head.clear()
        return self._framed(data)

    def _sniff(self, first: bytes) -> str:
        events = (self._stream or self._watched) and not self._indented
        framing = sniffed(first, self._stated, array=self._events.array, events=events)
        if framing == "raw":
            self._notes.mark(Inspection.UNPARSED, "reply is neither JSON nor an event stream")
        return framing

    def _load(self, data: bytes) -> JsonObject | None:
        return self._loader.load(data)

    def _step(self, name: str, doc: JsonObject) -> Step:
        self._notes.room = reply_room()
        step = self._events.event(name, doc, self._notes)
        self._notes.keep_all(step.places)
        self._crowded(self._notes.room.short)
        return step

    def _as_text(self, data: bytes) -> bytes:
        return data if self._editor is None else self._editor.text(data)

    def _crowded(self, short: bool) -> bool:
        if short:
            self._unread(Inspection.PARTIAL, "too many texts")
        return short

    # ── server-sent events

    def _frame(self, frame: Frame) -> bytes:
        if frame.data is None:
            if frame.oversize:
                self._unread(Inspection.PARTIAL, "event over the limit")
                return frame.raw
            # A comment, or no event stream at all.
            return self._as_text(frame.raw) if frame.raw.strip() else frame.raw
        self._seen = True
        made = self._event(frame)
        return made if self._editor is None else with_others(made, self._editor.line)

    def _event(self, frame: Frame) -> bytes:
        assert frame.data is not None
        if frame.data.strip() in self._events.end_marks:
            self._notes.complete = True
            return self._tail_events(("",)) + frame.raw
        if self._loader.worn(frame.data):
            return frame.raw
        doc = self._load(frame.data)
        if doc is None:
            odd = self._as_text(frame.data)
            return frame.raw if odd is frame.data else with_data(frame, odd)
        step = self._step(frame.event, doc)
        if self._strip and step.usage_only:
            return b""
        if self._editor is None:
            return frame.raw
        before = self._tail_events(step.ends, step.places)
        edited = self._editor.edit(frame.event, doc, frame.data, step)
        return before + (frame.raw if edited is frame.data else with_data(frame, edited))

    def _tail_events(self, ends: Sequence[str], places: Sequence[Place] = ()) -> bytes:
        return b"".join(event_bytes(compact(doc), name) for name, doc in self._tails(ends, places))

    def _close_sse(self) -> bytes:
        out = self._each(self._framer.close(), self._frame)
        if out.strip() and not self._seen:
            self._notes.mark(Inspection.UNPARSED, "no events in an event stream")
        tails = self._tail_events(("",))
        # A last event without its blank line has to be ended before another can follow.
        return out + (b"\n\n" if out and tails else b"") + tails

    # ── JSON arrays

    def _piece(self, piece: Piece) -> bytes:
        if piece.kind == "between":
            self._opened = True
            if piece.raw.strip(_SPACE + b"[,"):
                self._unread(Inspection.PARTIAL, "something beside the events of an array")
            return piece.raw
        if piece.kind == "end":
            return b"".join(b",\n" + compact(doc) for _, doc in self._tails(("",))) + piece.raw
        if piece.oversize:
            self._unread(Inspection.PARTIAL, "event over the limit")
            return piece.raw
        if self._loader.worn(piece.raw):
            return piece.raw
        doc = self._load(piece.raw)
        if doc is None:
            return self._as_text(piece.raw)
        step = self._step("", doc)
        if self._editor is None:
            return piece.raw
        after = b"\n" if self._framing == "lines" else b",\n"
        before = b"".join(compact(doc) + after for _, doc in self._tails(step.ends, step.places))
        made = before + self._editor.edit("", doc, piece.raw, step)
        self._seen = self._seen or not self._stopped()
        return made

    # ── JSON lines

    def _lines(self, data: bytes) -> bytes:
        if b"\n" in data:
            *lines, rest = (bytes(self._head) + data).split(b"\n")
            self._head[:] = rest
        else:  # a long line may come in many pieces
            lines = []
            self._head += data
        out = self._each((line + b"\n" for line in lines), self._line)
        if len(self._head) > READ_BYTES_MAX:
            self._framing = "raw"
            self._unread(Inspection.PARTIAL, "event over the limit")
            out, self._head = out + bytes(self._head), bytearray()
        return b"" if self._stopped() else out

    def _line(self, raw: bytes) -> bytes:
        return self._piece(Piece(raw, "element")) if raw.strip() else raw

    # ── one document

    def _document(self, data: bytes) -> bytes:
        if len(data) > READ_BYTES_MAX or is_crowded(data):
            self._unread(Inspection.PARTIAL, "reply too large to read")
            self._events.whole(outline(data), self._notes)
            return data
        try:
            doc = loads_reply(data.removeprefix(BOM))
        except Unparsed as error:
            self._notes.mark(Inspection.UNPARSED, f"reply: {error}")
            return self._as_text(data)
        self._notes.complete = True
        self._notes.room = reply_room()
        for _, part in self._notes.each(doc if isinstance(doc, list) else [doc]):
            if isinstance(part, dict):
                self._events.whole(part, self._notes)
        self._crowded(self._notes.room.short)
        return data if self._editor is None else self._editor.document(doc, data, self._parts(doc))

    def _parts(self, doc: Json) -> Sequence[tuple[str, Json]]:
        """What of a document is text: pointers and values."""
        return (("", doc),)
