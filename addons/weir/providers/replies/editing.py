"""The texts of a reply on their way through a `TextMap`: where they stand in events, and what is held back of them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from typing import Final

from weir.model import Inspection, Unparsed
from weir.ports import TextMap, Watch
from weir.providers.replies.channels import Channels
from weir.providers.replies.loading import BOM
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.overheard import ECHOES, INNER, NO_TEXT, overheard
from weir.providers.replies.sweep import TOKENS, doubts, repeats, rest_of, rewritten
from weir.providers.replies.texts import texts_in
from weir.providers.wire.framing import compact
from weir.providers.wire.jsondoc import loads_reply, splice
from weir.providers.wire.pointers import reply_room
from weir.providers.wire.values import Json, JsonObject
from weir.providers.wire.words import is_plain_word

__all__ = ["Editor"]

_CHANNELS_MAX: Final = 1024
# What the request had said and a reply repeats.
_ECHO: Final = re.compile(rf"(?:/response)?/(?:{'|'.join(sorted(ECHOES))})(?:/|\Z)")
_RAW: Final = "raw"  # the channel of bytes in no known framing
_ODD: Final = "odd"  # and that of events that are no JSON
_LINE_BYTES_MIN: Final = 8
_HEARD_MAX: Final = 16_384
_TOKENS: Final = tuple(f'"{name}"'.encode() for name in TOKENS)


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
        self._acts = self.watch is not None and self.watch.acts
        self._heard: set[int] = set()  # hashes of what stands beside the texts

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
        edits |= self._wholes(step)
        if self.watch is None:
            return self._splice(data, edits)
        whole = step.wholes[0][0] if step.wholes else None
        taken = {place.pointer for place in step.places}
        value = step.wholes[0][1] if whole == "" else doc
        if self._acts:
            return self._all_of(value, data, edits, taken, whole)
        self._overhear(value, data, taken, whole)
        return self._splice(data, edits)

    def document(self, value: Json, data: bytes, wholes: Sequence[tuple[str, Json]]) -> bytes:
        """``data``, one whole document that was read as ``value``, mapped; the same object when nothing changed."""
        heard = None
        if self.watch is not None and not (self._acts or self.edits or self._notes.room.short):
            heard = overheard(value) if len(wholes) == 1 and wholes[0][1] is value and not wholes[0][0] else None
        if heard is None:
            return self.edit("", {}, data, Step(wholes=wholes))
        for text, inner, echo in heard.texts:
            self._channels.whole(text, inner=inner, echo=echo)
        self._hear_rest(heard.rest)
        if heard.twice(data.removeprefix(BOM)):
            self.unread(Inspection.PARTIAL, "event: duplicate member name")
        return data

    def _hear_rest(self, rest: Iterable[tuple[str, str]]) -> None:
        """What stands beside the texts, each once, as one text."""
        new = [said for before, text in rest if not is_plain_word(text) and self._is_new(said := before + text)]
        if new:
            self._channels.whole("\n".join(new), inner=False)

    def _overhear(self, value: Json, data: bytes, taken: set[str], whole: str | None) -> None:
        """Whatever else a client can read in ``data``, which passes as it is; what every event says, once."""
        room = reply_room()
        self._hear_rest((rest.before, rest.text) for rest in rest_of(value, taken, whole, room))
        self.crowded(room.short)
        if repeats(data.removeprefix(BOM), value):
            self.unread(Inspection.PARTIAL, "event: duplicate member name")

    def _is_new(self, text: str) -> bool:
        mark = hash(text)
        if mark in self._heard:
            return False
        if len(self._heard) < _HEARD_MAX:
            self._heard.add(mark)
        return True

    def _all_of(
        self,
        value: Json,
        data: bytes,
        edits: dict[str, str],
        taken: set[str],
        whole: str | None,
        said_already: str = "",
    ) -> bytes:
        """``data`` edited, and whatever else a client can read in it: this reply is acted on."""
        room, names = reply_room(), dict[str, str]()
        for rest in rest_of(value, taken, whole, room):
            if rest.text == said_already:
                continue
            said = rest.before + rest.text
            new = self._channels.whole(said, inner=False)
            if new == said or (rest.before and new.endswith(f": {rest.text}")):
                continue
            if rest.pointer:
                edits.setdefault(rest.pointer, new.removeprefix(rest.before))
            else:
                names[rest.text] = new
        self.crowded(room.short)
        if self.stopped or not self.edits:
            return data
        why = doubts(data.removeprefix(BOM))
        if why and "duplicate" not in why:
            self.unread(Inspection.PARTIAL, f"event: {why}")
            return self._splice(data, edits)
        if why:
            data = compact(value)
        made = self._splice(data, edits)
        # What was taken out, or waits, must not go as the tokens that it is made of.
        if names or (edits and any(name in made for name in _TOKENS)):
            made = compact(rewritten(loads_reply(made.removeprefix(BOM)), names))
        return made

    def hear(self, place: Place, text: str) -> None:
        """``text`` goes on at ``place``, where nothing is edited."""
        self._channels.feed(place.channel, text, inner=place.inner)

    def text(self, data: bytes) -> bytes:
        """``data``, which should have been JSON, mapped as one text; the same object when that changes nothing."""
        if self.watch is None:
            return data
        try:
            text = data.removeprefix(BOM).decode()
        except UnicodeDecodeError:
            self.watch.unread("event is not UTF-8")
            return data
        # One after the other: what was said before is known when the next is looked at.
        new = self._map.feed(_ODD, text) + self._map.flush(_ODD)
        return data if new == text or not self.edits else new.encode("utf-8", "surrogatepass")

    def line(self, data: bytes) -> bytes:
        """A line of an event that holds no data (a name, a comment), mapped where replies are looked at."""
        if self.watch is None or len(data) < _LINE_BYTES_MIN:
            return data
        text = data.decode("utf-8", "replace")
        if not self._acts and not self._is_new(text):
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
                found.append(self._tail(name, self._events.tail(doc, place, tail), tail))
        return found

    def _tail(self, name: str, doc: JsonObject, text: str) -> tuple[str, JsonObject]:
        """An event of our own making, which repeats members of the provider's."""
        if not self._acts:
            return name, doc
        data = compact(doc)
        made = self._all_of(doc, data, {}, set(), None, text)
        if made is not data and isinstance(again := loads_reply(made), dict):
            doc = again
        return self.line(name.encode()).decode(), doc

    def _wholes(self, step: Step) -> dict[str, str]:
        """New texts by pointer for the parts of an event whose every string stands complete; none if they are many."""
        room = reply_room()
        edits: dict[str, str] = {}
        for pointer, value in step.wholes:
            for text in texts_in(value, pointer, "", NO_TEXT, room):
                echo = self.watch is not None and _ECHO.match(text.pointer) is not None
                new = self._channels.whole(text.text, inner=text.name in INNER, echo=echo)
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
