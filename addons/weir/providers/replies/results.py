"""Result files of batches as they pass by: JSON lines, each the answer to one request, with its own usage.

Other files come the same way (what a client once uploaded, or had made): these are read as what they begin like.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weir.model import Inspection, Unparsed
from weir.ports import TextMap
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.reading import READ_BYTES_MAX, EventReader
from weir.providers.wire.framing import sniffed
from weir.providers.wire.jsondoc import loads_reply
from weir.providers.wire.values import JsonObject, get_object, get_text

__all__ = ["ResultEvents", "ResultReader", "TextReader", "anthropic_answer", "openai_answer"]

_MODELS_MAX: Final = 64


class TextReader(EventReader):
    """A reply that may be plain text, as transcripts and files are: read as such, and kept."""

    def __init__(self, events: Events, content_type: str, stream: bool, text: TextMap | None = None) -> None:
        super().__init__(events, content_type, stream, text)
        self._words = codecs.getincrementaldecoder("utf-8")("replace")
        kind = content_type.partition(";")[0].strip().lower()
        self._plain = kind.startswith("text/") and self._stated != "sse"

    def _sniff(self, first: bytes) -> str:
        return "raw" if self._plain else sniffed(first, self._stated, array=False, events=False)

    def _framed(self, data: bytes) -> bytes:
        if self._framing == "raw":
            self._notes.keep(self._words.decode(data))
        return super()._framed(data)

    def _close(self) -> bytes:
        if self._framing == "raw":
            self._notes.complete = True
            self._notes.keep(self._words.decode(b"", True))
        return super()._close()


class ResultReader(TextReader):
    """A `ReplyReader` that tells a result file from another by its first line."""

    def __init__(self, events: Events, content_type: str, text: TextMap | None = None) -> None:
        super().__init__(events, content_type, False, text)
        self._first = b""

    def work(self, size: int, *, end: bool) -> int:
        """How many bytes the next ``size`` bytes, or the end, would make this read."""
        return len(self._head) + size if self._framing == "undecided" else super().work(size, end=end)

    def _sniff(self, first: bytes) -> str:
        self._first = first
        return "undecided" if first == b"{" else super()._sniff(first)

    def _framed(self, data: bytes) -> bytes:
        if self._framing != "undecided":
            return super()._framed(data)
        self._head += data
        return self._decided() if b"\n" in data or len(self._head) > READ_BYTES_MAX else b""

    def _close(self) -> bytes:
        before = self._decided() if self._framing == "undecided" else b""
        return before + super()._close()

    def _decided(self) -> bytes:
        data = bytes(self._head)
        self._head.clear()
        self._framing = "lines" if _is_result(data.partition(b"\n")[0]) else super()._sniff(self._first)
        return super()._framed(data)


def _is_result(line: bytes) -> bool:
    try:
        doc = loads_reply(line) if len(line) <= READ_BYTES_MAX else None
    except Unparsed:
        return False
    return isinstance(doc, dict) and ("custom_id" in doc or {"key", "response"} <= doc.keys())


class ResultEvents:
    """Each line is read as the whole reply that it holds; usage adds up by model, at the price of batches."""

    array = False
    end_marks: frozenset[bytes] = frozenset()

    def __init__(self, answer: Callable[[JsonObject], tuple[JsonObject, Events] | None]) -> None:
        self._answer = answer  # the reply in a line, and how it is read; None when the request failed
        self._lines = 0

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        """One line."""
        self._lines += 1
        found = self._answer(doc)
        if found is not None:
            said = Notes()
            said.room = notes.room
            found[1].whole(found[0], said)
            self._take(said, notes)
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        """Another file, or why there is none."""
        notes.name(finish_reason="error" if doc.get("error") and "custom_id" not in doc else "")

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        """Nothing is held back: every text of a line stands whole."""
        return doc

    def _take(self, said: Notes, notes: Notes) -> None:
        reply = said.reply()
        notes.name(model=reply.model)
        for number, (call_id, name) in enumerate(reply.tool_calls):
            notes.call(f"{self._lines}.{number}", call_id, name)
        if reply.usage is None:
            return
        known = notes.by_model.get(reply.model)
        if known is None and len(notes.by_model) >= _MODELS_MAX:
            notes.mark(Inspection.PARTIAL, "usage of too many models")
            return
        used = replace(reply.usage, tier="batch")
        notes.by_model[reply.model] = used if known is None else known.plus(used)


def openai_answer(doc: JsonObject, events: Callable[[str], Events]) -> tuple[JsonObject, Events] | None:
    """The reply in a line of OpenAI's: ``events`` gives how one is read by what it calls itself."""
    response = get_object(doc, "response")
    status, body = response.get("status_code"), get_object(response, "body")
    if not body or (isinstance(status, int) and status >= 400):
        return None
    return body, events(get_text(body, "object"))


def anthropic_answer(doc: JsonObject, events: Callable[[str], Events]) -> tuple[JsonObject, Events] | None:
    """The message in a line of Anthropic's."""
    message = get_object(get_object(doc, "result"), "message")
    return (message, events(get_text(message, "type"))) if message else None
