"""Runs of events that differ in little but their text, which is most of any stream: read without parsing each anew.

After an event has been read in full, its bytes are known around the text that it adds, and around the few members that
change with every event and say nothing (a padding, a number in order). The next event that has the same bytes there
adds its text, and does nothing else that the one before has not done. Whatever differs is read in full.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

import orjson

from weir.model import Reply
from weir.ports import TextMap
from weir.providers.replies.editing import Editor
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.wire.jsondoc import loads_reply
from weir.providers.wire.pointers import reply_room
from weir.providers.wire.sse import Frame
from weir.providers.wire.values import Json, JsonObject, pointer_tokens

__all__ = ["RunReader", "Runs"]

_EVENT_BYTES_MAX: Final = 8192  # longer ones are read in full
_TEXT_BYTES_MAX: Final = 4096
_NOISE_BYTES_MAX: Final = 64
_DIGITS_MAX: Final = 7  # in longer numbers somebody's account may be looked for
_IN_VAIN: Final = 4  # events prepared for that no other followed, until only some are
_SOME: Final = 16
_TRIES: Final = 8  # places at which a text may stand word for word
_GAPS: Final = (b"\r\n\r\n", b"\n\n")
_MARK: Final = "\u2022weir\u2022"
_TEXT, _NUMBER, _WORD = 0, 1, 2
# What changes from event to event: padding and numbering, which no dialect reads, and Gemini's counts, of which the
# last hold. An empty padding shows nothing of how one that says something would be read: it stays as it is.
_COUNTS: Final = rb"(?:prompt|candidates|total|thoughts|cachedContent|toolUsePrompt)TokenCount|tokenCount"
_NOISE: Final = re.compile(
    rb'"(?:sequence_number|obfuscation|p|(' + _COUNTS + rb'))"\s*:\s*'
    rb'(?:"([A-Za-z0-9]{1,64})"|((?:0|[1-9][0-9]{0,6})(?=[\s,}\]])))'
)
_SAYS: Final = re.compile(rb"[^\r\n]")
_KEPT_MAX: Final = 256
_ZERO: Final = ord("0")


class _Gap(NamedTuple):
    """Where something may differ: what may stand there, and the bytes up to the next such place."""

    kind: int
    after: bytes
    size: int  # of these bytes
    most: int  # bytes within which they end


class _Spot(NamedTuple):
    start: int
    end: int
    kind: int
    counts: bool


class Runs:
    """The event that was last read in full, as a measure for those that follow.

    ``name`` and ``data`` are what a dialect is given of an event, ``raw`` the bytes that it came in.
    """

    def __init__(self, events: Events, notes: Notes, editor: Editor | None) -> None:
        watch = None if editor is None else editor.watch
        listens = watch is not None and not watch.acts and not watch.edits
        # A dialect says so of itself: of two events that say the same, but for a text, the second only adds its text.
        self.able = bool(getattr(events, "steady", False)) and (editor is None or listens)
        self._events, self._notes, self._editor = events, notes, editor
        self._head = b""
        self._gaps: list[_Gap] = []
        self._place = Place("", "", "")
        self._text = ""
        self._kept: list[str] = []  # texts not yet among the notes
        self.going = False  # whether there is a measure
        self.name = ""
        self._before = self._after = 0  # bytes of the event around its data
        self._counted = False
        self._last: tuple[bytes, int, int] | None = None  # the last event of the run, if its counts are not yet noted
        self._noise: list[bytes] = []
        self._vain = self._skipped = 0
        self.gap = _GAPS[1]

    def through(self, data: bytes, at: int = 0) -> int:
        """Read the events of the run that stand whole in ``data`` from ``at`` on; where they end."""
        end = self._match(data, at)
        while end:
            self._take(data, at, end)
            at, end = end, self._match(data, end)
        return at

    def whole(self, data: bytes) -> bool:
        """Whether ``data`` is one more event of the run; it is read then."""
        if not data or self._match(data, 0) != len(data):
            return False
        self._take(data, 0, len(data))
        return True

    def _match(self, data: bytes, at: int) -> int:
        """Where the event of the run at ``at`` ends, and what it says in ``_text``; 0 when there is none."""
        if not self.going or not data.startswith(self._head, at):
            return 0
        at += len(self._head)
        for kind, after, size, most in self._gaps:
            stop = data.find(after, at, at + most)
            if stop < 0:
                return 0
            if kind == _TEXT:
                try:
                    self._text = orjson.loads(data[at - 1 : stop + 1])  # with its quotes
                except orjson.JSONDecodeError:
                    return 0
                if not self._text:
                    return 0
            elif kind == _WORD:
                if stop > at and not data[at:stop].isalnum():
                    return 0
            elif stop > at + _DIGITS_MAX or not data[at:stop].isdigit() or (data[at] == _ZERO and stop > at + 1):
                return 0
            at = stop + size
        return at

    def _take(self, data: bytes, at: int, end: int) -> None:
        self._kept.append(self._text)
        if self._editor is not None:
            self._editor.hear(self._place, self._text)
        if self._counted:
            self._last = (data, at, end)
        if len(self._kept) >= _KEPT_MAX:
            self._keep()

    def _keep(self) -> None:
        self._vain = 0
        self._notes.keep_all((self._place._replace(text="".join(self._kept)),))
        self._kept.clear()

    def settle(self) -> None:
        """Note what the run has said and counted. To be called before anything else is read or told."""
        if self._kept:
            self._keep()
        if self._last is None:
            return
        data, start, end = self._last
        self._last = None
        doc = loads_reply(data[start + self._before : end - self._after])
        assert isinstance(doc, dict)
        self._notes.room = reply_room()
        self._events.event(self.name, doc, self._notes)

    def learn(self, raw: bytes, name: str, data: bytes, step: Step) -> None:
        """Take this event, which was read in full, as the measure; or none, if it is not of the kind."""
        self.going = False
        if not self._fits(raw, step) or self._tired():
            return
        before = raw.find(data)
        spots = _spots(data, step.places[0])
        # Of other line ends it may not be known where they end.
        if before < 0 or not spots or not (raw is data or raw.endswith(_GAPS)):
            return
        spots = self._changing(data, spots)
        ends = [before + spot.end for spot in spots]
        starts = [before + spot.start for spot in spots]
        self._gaps = [
            _gap(spot.kind, raw[end:following])
            for spot, end, following in zip(spots, ends, [*starts[1:], len(raw)], strict=True)
        ]
        self._head, self.name, self._place = raw[: starts[0]], name, step.places[0]
        self._before, self._after = before, len(raw) - before - len(data)
        self.going = True
        self._counted = any(spot.counts for spot in spots)
        self.gap = next((gap for gap in _GAPS if raw.endswith(gap)), self.gap)

    def _fits(self, raw: bytes, step: Step) -> bool:
        if not self.able or len(step.places) != 1 or step.wholes or step.usage_only or len(raw) > _EVENT_BYTES_MAX:
            return False
        place = step.places[0]
        return place.kept and bool(place.text) and not place.channel.startswith(tuple(step.ends))

    def _tired(self) -> bool:
        """Whether preparing has been in vain for so long that this event is left out."""
        self._vain += 1
        if self._vain <= _IN_VAIN:
            return False
        self._skipped += 1
        return self._skipped % _SOME != 0

    def _changing(self, data: bytes, spots: list[_Spot]) -> list[_Spot]:
        """Without those members that stood there in the event before already: most often that goes on."""
        noise = [data[spot.start : spot.end] for spot in spots if spot.kind != _TEXT]
        known, self._noise = self._noise, noise
        if len(known) != len(noise):
            return spots
        same = iter([old == new for old, new in zip(known, noise, strict=True)])
        return [spot for spot in spots if spot.kind == _TEXT or not next(same)]


def _gap(kind: int, after: bytes) -> _Gap:
    return _Gap(kind, after, len(after), len(after) + (_TEXT_BYTES_MAX if kind == _TEXT else _NOISE_BYTES_MAX))


def _spots(data: bytes, place: Place) -> list[_Spot]:
    """Where in ``data`` the text stands, and what changes beside it, in order; nothing when that can't be told."""
    if b"\n" in data or b"\r" in data:
        return []
    for literal in dict.fromkeys((orjson.dumps(place.text), json.dumps(place.text).encode())):
        at = data.find(literal)
        for _ in range(_TRIES):
            if at < 0:
                break
            end = at + len(literal)
            if _stands_at(data[:at] + orjson.dumps(_MARK) + data[end:], place.pointer):
                text = _Spot(at + 1, end - 1, _TEXT, False)
                others = [_noise(match) for match in _NOISE.finditer(data)]
                return sorted([text, *(one for one in others if one.end <= at or one.start >= end)])
            at = data.find(literal, at + 1)
    return []


def _noise(match: re.Match[bytes]) -> _Spot:
    word = match[2] is not None
    start, end = match.span(2 if word else 3)
    return _Spot(start, end, _WORD if word else _NUMBER, match[1] is not None)


def _stands_at(data: bytes, pointer: str) -> bool:
    try:
        here: Json = orjson.loads(data)
        for part in pointer_tokens(pointer):
            here = here[int(part)] if isinstance(here, list) else here[part] if isinstance(here, dict) else None
    except (orjson.JSONDecodeError, KeyError, IndexError, ValueError):
        return False
    return here == _MARK


class RunReader(EventReader):
    """An `EventReader` that knows runs. What it reads, and what goes out, is the same."""

    def __init__(
        self, events: Events, content_type: str, stream: bool, text: TextMap | None = None, strip_usage: bool = False
    ) -> None:
        super().__init__(events, content_type, stream, text, strip_usage)
        self._runs = Runs(events, self._notes, self._editor)
        self._stepped: Step | None = None  # what the last event read in full has done

    def feed(self, data: bytes) -> bytes:
        """As any reader."""
        runs, framer = self._runs, self._framer
        if not self._framing and runs.able and not self._closed:
            said = len(data) - len(data.lstrip())
            first = data.find(runs.gap, said) + len(runs.gap)
            if said < first < len(data):  # the first event shows how all is framed
                return super().feed(data[:first]) + self.feed(data[first:])
        if self._framing != "sse" or self._closed or not runs.able:
            return super().feed(data)
        if framer.between and runs.whole(data):
            return data  # as most chunks of a live stream
        given, out, at = data, list[bytes](), 0
        if 0 < framer.held <= _EVENT_BYTES_MAX and b"\n" in data and not framer.oversize:
            data = framer.hand_back() + data
        while at < len(data):
            end = runs.through(data, at) if framer.between else at
            says = _SAYS.search(data, end)  # past any number of blank lines
            gap = data.find(runs.gap, says.start()) if says else -1
            cut = len(data) if gap < 0 else gap + len(runs.gap)
            out += (data[at:end], super().feed(data[end:cut]) if end < cut else b"")
            at = cut
        return b"".join(out) if self._editing else given

    def close(self) -> bytes:
        """As any reader."""
        self._runs.settle()
        return super().close()

    def reply(self) -> Reply:
        """As any reader."""
        self._runs.settle()
        return super().reply()

    def _step(self, name: str, doc: JsonObject) -> Step:
        self._stepped = super()._step(name, doc)
        return self._stepped

    def _event(self, frame: Frame) -> bytes:
        self._runs.settle()
        self._stepped = None
        made = super()._event(frame)
        if self._stepped is not None and frame.data is not None:
            self._runs.learn(frame.raw, frame.event, frame.data, self._stepped)
        return made
