"""Messages of the WebSockets that Microsoft's pages talk over: Copilot's JSON events, and SignalR for Microsoft 365.

SignalR ends every JSON document of a message with the byte 0x1e, and a message may hold several: a pointer begins with
the number of its document. Undocumented, so as well as can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Unparsed
from weir.ports import TextMap
from weir.providers.replies.frames import FrameReader, Frames
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.requests.walk import KEY_SUFFIX, Walk
from weir.providers.wire.framing import compact
from weir.providers.wire.jsondoc import loads, splice
from weir.providers.wire.values import Json, JsonObject, get_list, get_object, get_text, skeleton

__all__ = ["CopilotFrames", "SignalRFrames", "web_frames"]

_END: Final = b"\x1e"
_PARTS_MAX: Final = 100
_COPILOT: Final = "/c/api/chat"
_CHATHUB: Final = "/m365copilot/chathub/"
_ON_THE_WAY: Final = frozenset({"event", "partId", "messageId", "id", "type", "target"})


def web_frames(endpoint: Endpoint) -> Frames:
    """The dialect of a socket's messages, by the path that opened it; the one for all others where it says nothing."""
    path = endpoint.path_template.lower()
    if path == _COPILOT:
        return CopilotFrames()
    return SignalRFrames() if path.startswith(_CHATHUB) else Frames()


class CopilotFrames(Frames):
    """``{"event": "send", "content": […]}`` and the events that answer it."""

    id = "copilot_frames"
    sections: ClassVar = {"content": "user", "text": "user"}
    members: ClassVar = {}
    scalars: ClassVar = {"mode": "mode"}

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As any document; what was said before stands with the provider."""
        exchange = super().read(document, endpoint)
        if get_text(document, "event") == "send" and any(get_text(c, "url") for c in get_list(document, "content")):
            reason = "; ".join(filter(None, (exchange.reason, "file kept by the provider")))
            return replace(exchange, inspection=Inspection.PARTIAL, reason=reason)
        return exchange

    def events(self, exchange: Exchange) -> Events:
        """How the messages of the server are read."""
        return _CopilotEvents()

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The error event."""
        return compact({"event": "error", "errorCode": rule_id, "message": self.say(message, rule_id)})


class _CopilotEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind, text = get_text(doc, "event"), get_text(doc, "text")
        if kind in ("appendText", "chainOfThought"):
            channel = f"{kind}.{get_text(doc, 'partId')}"
            return Step((Place("/text", channel, text),) if text else ())
        if kind in ("done", "error"):
            notes.complete = kind == "done" or notes.complete
            notes.name(finish_reason="stop" if kind == "done" else "error", response_id=get_text(doc, "messageId"))
        elif kind == "replaceText" and not notes.has_text:
            notes.keep(text)
        ends = ("",) if kind in ("done", "error", "partCompleted", "replaceText") else ()
        return Step(ends=ends, wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.keep_all(self.event("", doc, notes).places)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        if not isinstance(cut, dict):
            return doc
        return {**{key: value for key, value in doc.items() if key in _ON_THE_WAY}, **cut}


class SignalRFrames(Frames):
    """SignalR's hub protocol in JSON: invocations with their arguments, both ways."""

    id = "signalr_frames"
    sections: ClassVar = {"arguments": "user", "item": "assistant"}
    members: ClassVar = {}
    scalars: ClassVar = {"target": "target"}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a message of one document or more. Raises Unparsed, whatever the bytes."""
        walk = Walk(self.sections, self.types, self.members)
        first: JsonObject = {}
        for number, part in enumerate(_documents(body)):
            document = loads(part)
            if not isinstance(document, dict):
                raise Unparsed("not a JSON object")
            first = first or document
            walk.take(document, f"/{number}")
        return Exchange(
            endpoint,
            "",
            True,
            tuple(walk.segments),
            tuple(walk.attachments),
            parameters=self.parameters(first),
            inspection=Inspection.PARTIAL if walk.reasons else Inspection.INSPECTED,
            reason="; ".join(walk.reasons),
        )

    def replace(self, body: bytes, texts: Mapping[str, str]) -> bytes:
        """Set texts in its documents; every other byte stays. Raises Unparsed when one can't be set."""
        parts = _documents(body)
        edits: dict[int, dict[str, str]] = {}
        for pointer, text in texts.items():
            number, slash, rest = pointer[1:].partition("/")
            if pointer.endswith(KEY_SUFFIX) or not slash or not number.isdecimal() or int(number) >= len(parts):
                raise Unparsed("no editable text at a pointer")
            edits.setdefault(int(number), {})["/" + rest] = text
        made = [splice(part, edits[n]) if n in edits else part for n, part in enumerate(parts)]
        return _END.join(made) + body[len(_END.join(parts)) :]

    def events(self, exchange: Exchange) -> Events:
        """How the messages of the server are read."""
        return _HubEvents()

    def frame_reader(self, exchange: Exchange, text: TextMap | None = None) -> FrameReader:
        """A reader for messages of several documents."""
        return _HubReader(self.events(exchange), text)

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The message with which a server of SignalR closes."""
        return compact({"type": 7, "error": self.say(message, rule_id), "allowReconnect": False}) + _END


def _documents(body: bytes) -> list[bytes]:
    parts = body.removesuffix(_END).split(_END)
    if len(parts) > _PARTS_MAX:
        raise Unparsed("too many documents in a message")
    return parts


class _HubReader(FrameReader):
    def message(self, data: bytes) -> tuple[bytes, ...]:
        """One message in; one with all that goes to the client in its place."""
        try:
            parts = _documents(data)
        except Unparsed as error:
            self._unread(Inspection.PARTIAL, str(error))
            return (data,)
        made: list[bytes] = []
        for part in parts:
            if self._stopped():
                break
            made += super().message(part)
        joined = _END.join(made) + (_END if data.endswith(_END) else b"")
        return (data,) if joined == data else (joined,)

    def rest(self) -> tuple[bytes, ...]:
        """Messages with what is still held back: the socket ends."""
        return tuple(one + _END for one in super().rest())


class _HubEvents:
    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self) -> None:
        self._said = ""

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        kind = doc.get("type")
        arguments = get_list(doc, "arguments")
        first = arguments[0] if arguments else None
        added = get_text(first, "writeAtCursor")
        if kind == 1 and added:
            others: list[tuple[str, Json]] = [
                (f"/arguments/0/{key}", value)
                for key, value in (first.items() if isinstance(first, dict) else ())
                if key in ("messages", "suggestedResponses")
            ]
            return Step((Place("/arguments/0/writeAtCursor", "text", added),), wholes=others)
        item = get_object(doc, "item") or (first if isinstance(first, dict) else {})
        for message in get_list(item, "messages"):
            if get_text(message, "author") == "bot" and not get_text(message, "messageType"):
                self._more(get_text(message, "text"), notes)
        if kind in (2, 3, 7):
            notes.complete = notes.complete or kind != 7
            error = get_text(doc, "error") or get_text(get_object(item, "result"), "error")
            notes.name(finish_reason="error" if error or kind == 7 else "stop")
            return Step(ends=("",), wholes=(("", doc),))
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        notes.keep_all(self.event("", doc, notes).places)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    def _more(self, text: str, notes: Notes) -> None:
        """Keep what is new of an answer that every message repeats; what was added piece by piece is known."""
        known = self._said or notes.reply().text
        notes.keep(text[len(known) :] if text.startswith(known) else "" if known.startswith(text) else text)
        self._said = text
