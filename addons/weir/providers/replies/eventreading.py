"""Reads a reply in AWS's binary event stream, by the same machinery as events of other framings.

An event's payload is a JSON document or, where ``wrapped``, one with the model's own event in base64 as ``bytes``:
that inner event is what is read and edited then. Replies that are one JSON document, errors above all, are read as any.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Final

from weir.model import Inspection, Unparsed
from weir.ports import TextMap
from weir.providers.replies.notes import Events, Place, Step
from weir.providers.replies.reading import READ_BYTES_MAX
from weir.providers.replies.runs import RunReader
from weir.providers.wire.eventstream import Cutter, Message, message_bytes, with_payload
from weir.providers.wire.jsondoc import splice
from weir.providers.wire.values import Json, JsonObject, compact, get_text, token
from weir.providers.wire.words import is_plain_word

__all__ = ["EVENT_STREAM", "EventStreamReader", "exception_bytes"]

EVENT_STREAM: Final = "application/vnd.amazon.eventstream"
_JSON: Final = "application/json"
_INNER: Final = "bytes"
_ERROR: Final = (":message-type", ":error-code", ":error-message")
_USUAL: Final = re.compile(rb'\{"bytes":"([A-Za-z0-9+/=]+)"(?:,"p":"[A-Za-z0-9]*")?\}')
_USUAL_HEADERS: Final = frozenset({":content-type", ":event-type", ":exception-type", ":message-type"})
_HEADER_CHARS_MAX: Final = 8000  # at most four bytes each, and a header has room for 32,767


def exception_bytes(name: str, document: bytes) -> bytes:
    """The message that ends a stream with an exception of that name."""
    return message_bytes({":exception-type": name, ":content-type": _JSON, ":message-type": "exception"}, document)


class EventStreamReader(RunReader):
    """The `ReplyReader` of Bedrock's dialects."""

    def __init__(
        self, events: Events, content_type: str, stream: bool, text: TextMap | None = None, *, wrapped: bool = False
    ) -> None:
        super().__init__(events, content_type, stream, text)
        self._cutter = Cutter(READ_BYTES_MAX)
        self._wrapped = wrapped
        self._faults: set[str] = set()
        self._alike: Mapping[str, str] | None = None  # headers of the messages of a run
        if content_type.partition(";")[0].strip().lower() == EVENT_STREAM:
            self._framing = "messages"

    def feed(self, data: bytes) -> bytes:
        """As any reader."""
        runs = self._runs
        if self._framing != "messages" or self._closed or not runs.able:
            return super().feed(data)
        for message in self._cutter.feed(data):
            # Messages of a run have the headers of the one before, and those are the same object then.
            if self._wrapped or message.headers is not self._alike or not runs.whole(message.payload):
                self._message(message)
        return data

    def work(self, size: int, *, end: bool) -> int:
        """How many bytes the next ``size`` bytes, or the end, would make this read."""
        return self._cutter.held + size if self._framing == "messages" else super().work(size, end=end)

    def ending(self, event: bytes, document: bytes) -> bytes:
        """What ends the reply in the middle with an error; nothing when a message has gone in part."""
        if self._framing == "messages":
            return event if self._cutter.between else b""
        return super().ending(event, document)

    def _sniff(self, first: bytes) -> str:
        # No message is so long that its length would begin with anything else.
        return "messages" if first == b"\0" and self._stream and not self._indented else super()._sniff(first)

    def _framed(self, data: bytes) -> bytes:
        if self._framing != "messages":
            return super()._framed(data)
        return b"" if self._stopped() else self._each(self._cutter.feed(data), self._message)

    def _close(self) -> bytes:
        if self._framing != "messages":
            return super()._close()
        # What is cut off can't be followed by anything, so what was held back goes before it.
        tails = self._tail_messages(("",)) if self._cutter.between else b""
        return tails + self._each(self._cutter.close(), self._message)

    def _message(self, message: Message) -> bytes:
        if message.fault:
            if message.fault not in self._faults:
                self._faults.add(message.fault)
                self._unread(Inspection.PARTIAL, message.fault)
            return message.raw
        if self._editor is not None and message.headers is not self._alike:
            self._look_at_headers(message.headers)
        kind = message.headers.get(":message-type", "event")
        if kind != "event":
            return self._exception(message)
        name = message.headers.get(":event-type", "")
        data = self._unwrapped(message) if self._wrapped else message.payload
        runs = self._runs
        if not data or (name == runs.name and runs.whole(data)):
            return message.raw
        runs.settle()
        doc = self._load(data)
        if doc is None:
            return self._with(message, data, self._as_text(data))
        step = self._step(name, doc)
        self._alike = message.headers
        runs.learn(data, name, data, step)
        if self._editor is None:
            return message.raw
        before = self._tail_messages(step.ends, step.places)
        return before + self._with(message, data, self._editor.edit(name, doc, data, step))

    def _look_at_headers(self, headers: Mapping[str, str]) -> None:
        """Names and values that a client gets beside the events. They can only be looked at."""
        assert self._editor is not None
        for name, value in headers.items():
            if name == ":error-message" or (name in _USUAL_HEADERS and (value == _JSON or is_plain_word(value))):
                continue
            said = f"{name}: {value}".encode("utf-8", "replace")
            if self._editor.line(said) != said:
                self._unread(Inspection.PARTIAL, "event: a header can't be edited")

    def _exception(self, message: Message) -> bytes:
        """An exception has a payload, an error has none but a text among its headers."""
        self._runs.settle()
        self._notes.name(finish_reason="error")
        before = self._tail_messages(("",))
        said = message.headers.get(":error-message", "").encode()
        if said and (new := self._as_text(said)) is not said:
            told = {**message.headers, ":error-message": new.decode("utf-8", "replace")}
            return before + message_bytes({name: told.get(name, "")[:_HEADER_CHARS_MAX] for name in _ERROR}, b"")
        doc = self._load(message.payload) if message.payload else None
        if doc is None or self._editor is None:
            return before + message.raw
        edited = self._editor.edit("", doc, message.payload, Step(wholes=(("", doc),)))
        return before + (message.raw if edited is message.payload else with_payload(message, edited))

    def _parts(self, doc: Json) -> Sequence[tuple[str, Json]]:
        """All of a document but the pictures that a model made."""
        if not self._wrapped or not isinstance(doc, dict) or "images" not in doc:
            return super()._parts(doc)
        return [(f"/{token(name)}", value) for name, value in doc.items() if name != "images"]

    # ── events within events

    def _unwrapped(self, message: Message) -> bytes:
        """The model's own event; the payload itself when there is none in it."""
        if usual := _USUAL.fullmatch(message.payload):
            try:
                return binascii.a2b_base64(usual[1], strict_mode=True)
            except binascii.Error:
                return self._not_base64(message)
        outer = self._load(message.payload) if message.payload else None
        if outer is None or not isinstance(outer.get(_INNER), str):
            return message.payload
        try:
            return base64.b64decode(get_text(outer, _INNER), validate=True)
        except (binascii.Error, ValueError):
            return self._not_base64(message)

    def _not_base64(self, message: Message) -> bytes:
        self._notes.mark(Inspection.PARTIAL, "event: not base64")
        return message.payload

    def _with(self, message: Message, data: bytes, edited: bytes) -> bytes:
        if edited is data:
            return message.raw
        if data is message.payload:
            return with_payload(message, edited)
        try:
            payload = splice(message.payload, {f"/{_INNER}": base64.b64encode(edited).decode()}, reply=True)
        except Unparsed as error:
            self._unread(Inspection.PARTIAL, f"edit: {error}")
            return message.raw
        return with_payload(message, payload)

    def _tail_messages(self, ends: Sequence[str], places: Sequence[Place] = ()) -> bytes:
        return b"".join(self._told(name, doc) for name, doc in self._tails(ends, places))

    def _told(self, name: str, doc: JsonObject) -> bytes:
        payload = compact(doc)
        if self._wrapped:
            payload = compact({_INNER: base64.b64encode(payload).decode()})
        return message_bytes({":event-type": name, ":content-type": _JSON, ":message-type": "event"}, payload)
