"""The texts of a reply on their way through a `TextMap`: where they stand in events, and what is held back of them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

from weir.model import Inspection, Unparsed
from weir.ports import TextMap, Watch
from weir.providers.channels import Channels
from weir.providers.jsondoc import splice
from weir.providers.notes import Events, Notes, Place, Step
from weir.providers.pointers import reply_room
from weir.providers.texts import texts_in
from weir.providers.values import JsonObject

__all__ = ["BOM", "Editor"]

_CHANNELS_MAX: Final = 1024
BOM: Final = b"\xef\xbb\xbf"
# Members of a whole document that hold no text: encoded media, the provider's seals, numbers and what they belong to.
_NO_TEXT: Final = frozenset(
    {"encrypted_content", "signature", "thoughtSignature", "b64_json", "partial_image_b64", "logprobs", "embedding"}
)
_INNER: Final = frozenset({"arguments"})
# What the request had said and a reply repeats.
_ECHO: Final = re.compile(r"(?:/response)?/(?:instructions|tools|metadata|prompt|safety_identifier|user)(?:/|\Z)")
_RAW: Final = "raw"  # the channel of bytes in no known framing


class Editor:
    """Maps texts and writes them back; every byte of a text that comes back as it was stays as it was."""

    def __init__(self, events: Events, notes: Notes, text: TextMap) -> None:
        self._events = events
        self._notes = notes
        self._map = text
        self._channels = Channels(text)
        self._open: dict[str, tuple[str, JsonObject, Place]] = {}
        self._decoder: codecs.IncrementalDecoder = codecs.getincrementaldecoder("utf-8")()
        self.watch = text if isinstance(text, Watch) else None
        self.edits = self.watch is None or self.watch.edits

    @property
    def stopped(self) -> bool:
        """True when nothing more may go to the client."""
        return self.watch is not None and self.watch.stopped

    def unread(self, inspection: Inspection, reason: str) -> None:
        """Note that something of the reply was not looked at."""
        self._notes.mark(inspection, reason)
        if self.watch is not None:
            self.watch.unread(reason)

    def crowded(self, short: bool) -> bool:
        """Note that there were too many texts, if so."""
        if short:
            self.unread(Inspection.PARTIAL, "too many texts")
        return short

    def edit(self, name: str, doc: JsonObject, data: bytes, step: Step) -> bytes:
        """``data`` with its texts mapped; the same object when none changed."""
        # No reply has so many texts in one event that it could be held to them all.
        if self.crowded(self._notes.room.short or len(step.places) > _CHANNELS_MAX):
            return data
        edits: dict[str, str] = {}
        last = {place.channel: place.pointer for place in step.places}
        for place in step.places:
            new = self._channels.feed(place.channel, place.text, inner=place.inner)
            if place.channel.startswith(tuple(step.ends)) and last[place.channel] == place.pointer:
                new += self._channels.flush(place.channel)
                self._open.pop(place.channel, None)
            else:
                self._open[place.channel] = (name, doc, place)
            if new != place.text:
                edits[place.pointer] = new
        return self._splice(data, edits | self._wholes(step))

    def text(self, data: bytes) -> bytes:
        """``data``, which should have been JSON, mapped as one text; the same object when that changes nothing."""
        if self.watch is None:
            return data
        try:
            text = data.removeprefix(BOM).decode()
        except UnicodeDecodeError:
            self.watch.unread("event is not UTF-8")
            return data
        new = self._channels.whole(text, inner=False)
        return data if new == text or not self.edits else new.encode("utf-8", "surrogatepass")

    def raw(self, data: bytes, *, last: bool = False) -> bytes:
        """Bytes in no known framing, looked at as one long text."""
        if self.watch is None:
            return data
        try:
            text = self._decoder.decode(data, last)
        except UnicodeDecodeError:
            self.watch.unread("reply is not UTF-8")
            self._decoder = codecs.getincrementaldecoder("latin-1")()
            text = data.decode("latin-1")
            if self.edits:
                self.edits = False  # what can't be decoded can't be written back either
        new = self._map.feed(_RAW, text) + (self._map.flush(_RAW) if last else "")
        return new.encode("utf-8", "surrogatepass") if self.edits else data

    def tails(self, ends: Sequence[str], places: Sequence[Place] = ()) -> list[tuple[str, JsonObject]]:
        """Events with what is held back in channels that end, except those that ``places`` still add to."""
        if not self._open:
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
            tail = self._channels.flush(channel)
            if tail:
                found.append((name, self._events.tail(doc, place, tail)))
        return found

    def _wholes(self, step: Step) -> dict[str, str]:
        """New texts by pointer for the parts of an event whose every string stands complete; none if they are many."""
        room = reply_room()
        edits: dict[str, str] = {}
        for pointer, value in step.wholes:
            for text in texts_in(value, pointer, "", _NO_TEXT, room):
                echo = self.watch is not None and _ECHO.match(text.pointer) is not None
                new = self._channels.whole(text.text, inner=text.name in _INNER, echo=echo)
                if new != text.text:
                    edits[text.pointer] = new
        return {} if self.crowded(room.short) else edits

    def _splice(self, data: bytes, edits: dict[str, str]) -> bytes:
        if not edits or not self.edits:
            return data
        plain = data.removeprefix(BOM)
        try:
            return data[: len(data) - len(plain)] + splice(plain, edits, reply=True)
        except Unparsed as error:
            self.unread(Inspection.PARTIAL, f"edit: {error}")
            return data
