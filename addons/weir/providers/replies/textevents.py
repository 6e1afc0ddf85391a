"""Server-sent events of which some are no JSON: their data is the model's text as it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from weir.model import Inspection
from weir.ports import TextMap
from weir.providers.replies.loading import BOM
from weir.providers.replies.notes import Events, Place
from weir.providers.replies.reading import EventReader
from weir.providers.wire.framing import compact
from weir.providers.wire.jsondoc import loads_reply
from weir.providers.wire.sse import Frame, event_bytes
from weir.providers.wire.values import JsonObject, get_text

__all__ = ["TEXT", "TextEventReader"]

TEXT: Final = "text"  # the member that such an event's data is read as
_END = re.compile("\r\n|\r|\n")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class TextEventReader(EventReader):
    """An event whose name is in ``names`` is read as the document ``{"text": …}`` of its data; others are JSON."""

    def __init__(
        self, events: Events, content_type: str, stream: bool, text: TextMap | None = None, *, names: frozenset[str]
    ) -> None:
        super().__init__(events, content_type, stream, text)
        self._names = names

    def _event(self, frame: Frame) -> bytes:
        if frame.event not in self._names or not frame.data:
            return super()._event(frame)
        try:
            doc: JsonObject = {TEXT: frame.data.decode()}
        except UnicodeDecodeError:
            self._unread(Inspection.PARTIAL, "event is not UTF-8")
            return frame.raw
        step = self._step(frame.event, doc)
        if self._editor is None:
            return frame.raw
        before = self._tail_events(step.ends, step.places)
        data = compact(doc)
        edited = self._editor.edit(frame.event, doc, data, step)
        return before + (frame.raw if edited is data else _with_text(frame, get_text(loads_reply(edited), TEXT)))

    def _tail_events(self, ends: Sequence[str], places: Sequence[Place] = ()) -> bytes:
        return b"".join(
            _text_event(name, get_text(doc, TEXT)) if name in self._names else event_bytes(compact(doc), name)
            for name, doc in self._tails(ends, places)
        )


def _data_lines(text: str) -> bytes:
    return b"".join(b"data: " + part.encode("utf-8", "replace") + b"\n" for part in _END.split(text))


def _text_event(name: str, text: str) -> bytes:
    return b"event: " + name.encode() + b"\n" + _data_lines(text) + b"\n"


def _with_text(frame: Frame, text: str) -> bytes:
    """The bytes of ``frame`` with its data lines replaced by those of ``text``, where the first of them stood."""
    bom = BOM if frame.raw.startswith(BOM) else b""
    out = [bom]
    placed = False
    for match in _LINE.finditer(frame.raw, len(bom)):
        line = match[0]
        if not (line.startswith(b"data:") or line.rstrip(b"\r\n") == b"data"):
            out.append(line)
        elif not placed:
            placed = True
            out.append(_data_lines(text))
    return b"".join(out)
