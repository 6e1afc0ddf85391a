"""Answers of Google's own pages: ``)]}'``, then lines of JSON, each after its length on a line of its own.

What the model says stands in a string of JSON within each line, and every line repeats all that was said before. The
bytes are never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weir.model import Inspection, Reply, Unparsed
from weir.ports import WHOLE, TextMap, Watch
from weir.providers.replies.notes import Notes
from weir.providers.replies.texts import texts_in
from weir.providers.wire.framing import is_crowded
from weir.providers.wire.jsondoc import loads_reply
from weir.providers.wire.pointers import reply_room
from weir.providers.wire.values import Json

__all__ = ["ChunkLinesReader"]

_LINE_BYTES_MAX: Final = 4 * 1024 * 1024
_LENGTH = re.compile(rb"\s*\d*\s*")
_GUARD: Final = b")]}'"
_ANSWER: Final = "wrb.fr"
_ANSWERS_MAX: Final = 64


class ChunkLinesReader:
    """The `ReplyReader` of Gemini's page. No bytes make it raise."""

    def __init__(self, text: TextMap | None) -> None:
        self._map = text
        self._watch = text if isinstance(text, Watch) else None
        self._notes = Notes()
        self._line = bytearray()
        self._over = False
        self._said: dict[str, str] = {}
        self._closed = False

    def feed(self, data: bytes) -> bytes:
        """Take reply bytes; return them, or nothing once the reply is stopped."""
        if self._closed:
            return data
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._add(line)
            self._end_line()
            if self._stopped():
                return b""
        self._add(rest)
        return b"" if self._stopped() else data

    def close(self) -> bytes:
        """The reply has ended."""
        if not self._closed and not self._stopped():
            self._closed = True
            self._end_line()
            for channel in self._said:
                if self._map is not None:
                    self._map.flush(channel)
        return b""

    def reply(self) -> Reply:
        """What is known so far."""
        return self._notes.reply()

    def work(self, size: int, *, end: bool) -> int:
        """How many bytes the next ``size`` bytes, or the end, would make this read."""
        return len(self._line) + size

    def ending(self, event: bytes, document: bytes) -> bytes:
        """Nothing can end such a stream but a cut."""
        return b""

    def _stopped(self) -> bool:
        return self._watch is not None and self._watch.stopped

    def _unread(self, reason: str) -> None:
        self._notes.mark(Inspection.PARTIAL, reason)
        if self._watch is not None:
            self._watch.unread(reason)

    def _add(self, data: bytes) -> None:
        if len(self._line) + len(data) > _LINE_BYTES_MAX:
            if not self._over:
                self._unread("event over the limit")
            self._over = True
            self._line.clear()
        elif not self._over:
            self._line += data

    def _end_line(self) -> None:
        line, over = bytes(self._line), self._over
        self._line.clear()
        self._over = False
        if over or line.strip() == _GUARD or _LENGTH.fullmatch(line):
            return None
        if is_crowded(line):
            return self._unread("too many texts")
        try:
            document = loads_reply(line)
        except Unparsed as error:
            self._notes.mark(Inspection.PARTIAL, f"event: {error}")
            return self._whole(line.decode("utf-8", "replace"))
        for entry in document if isinstance(document, list) else [document]:
            self._entry(entry)
        return None

    def _entry(self, entry: Json) -> None:
        if isinstance(entry, list) and entry[:1] == ["e"]:
            self._notes.complete = True
        inner = entry[2] if isinstance(entry, list) and len(entry) > 2 and entry[0] == _ANSWER else None
        if not isinstance(inner, str):
            return self._texts(entry)
        try:
            value = loads_reply(inner.encode("utf-8", "replace"))
        except Unparsed:
            return self._whole(inner)
        for channel, text in _answers(value):
            self._answer(channel, text)
        return self._texts(value)

    def _answer(self, channel: str, text: str) -> None:
        """Take what is new of an answer that every line repeats."""
        before = self._said.get(channel, "")
        more = text[len(before) :] if text.startswith(before) else text
        if before == "" and len(self._said) >= _ANSWERS_MAX:
            return
        self._said[channel] = text
        if channel == "0":
            self._notes.keep(more)
        if more and self._map is not None:
            self._map.feed(channel, more)

    def _texts(self, value: Json) -> None:
        room = reply_room()
        for found in texts_in(value, "", "", frozenset(), room):
            self._whole(found.text)
        if room.short:
            self._unread("too many texts")

    def _whole(self, text: str) -> None:
        if self._map is not None and text:
            self._map.feed(WHOLE + "line", text)
            self._map.flush(WHOLE + "line")


def _answers(value: Json) -> Iterator[tuple[str, str]]:
    """The candidates of an answer: their number, and the text so far."""
    candidates = value[4] if isinstance(value, list) and len(value) > 4 else None
    for number, one in enumerate(candidates if isinstance(candidates, list) else []):
        parts = one[1] if isinstance(one, list) and len(one) > 1 else None
        if isinstance(parts, list) and parts and isinstance(parts[0], str):
            yield str(number), parts[0]
