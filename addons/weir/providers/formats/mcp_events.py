"""Replies of MCP servers: results, and the server's own requests and notifications on the same stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weir.providers.replies.notes import Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.replies.texts import texts_in
from weir.providers.wire.framing import sniffed
from weir.providers.wire.sse import Frame, with_data
from weir.providers.wire.values import JsonObject, get_list, get_object, get_text

__all__ = ["McpEvents", "McpReader"]

_ENDPOINT: Final = "endpoint"  # the first event of the older generation: where to send requests, no JSON
_NO_TEXT: Final = frozenset({"jsonrpc", "id", "method", "type", "mimeType", "protocolVersion", "data", "blob", "role"})


class McpEvents:
    """Every text of a message stands complete in it."""

    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self, tools: Sequence[str] = ()) -> None:
        self._tools = tools
        self._noted = False

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        self._read(doc, notes)
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._read(doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return doc  # nothing of a message is ever held back

    def _read(self, doc: JsonObject, notes: Notes) -> None:
        if not self._noted:
            self._noted = True
            for at, tool in enumerate(self._tools):
                notes.call(str(at), "", tool)
        result = get_object(doc, "result")
        if "error" in doc:
            notes.name(finish_reason="error")
        elif "result" in doc:
            ended = "tool_error" if result.get("isError") is True else get_text(result, "resultType") or "complete"
            notes.name(finish_reason=ended)
            # What answers here is a server, and where it says its name this is what is known of it.
            server = get_object(result, "serverInfo")
            notes.name(model="/".join(filter(None, (get_text(server, "name"), get_text(server, "version")))))
            for at, request in notes.each(get_list(get_object(result, "message"), "toolCalls")):
                notes.call(f"asked.{at}", get_text(request, "id"), get_text(request, "name"))
        if "result" in doc or "error" in doc:
            notes.complete = True
        for found in texts_in(doc, "", "", _NO_TEXT, notes.room):
            notes.keep(found.text)


class McpReader(EventReader):
    """As any; but a stream's first event may be an address, and what is only accepted is a word."""

    def _sniff(self, first: bytes) -> str:
        # What is neither JSON nor events is looked at as the text that it is.
        events = (self._stream or self._watched) and not self._indented
        return sniffed(first, self._stated, array=self._events.array, events=events)

    def _event(self, frame: Frame) -> bytes:
        if frame.data is None or frame.event != _ENDPOINT:
            return super()._event(frame)
        odd = self._as_text(frame.data)
        return frame.raw if odd is frame.data else with_data(frame, odd)
