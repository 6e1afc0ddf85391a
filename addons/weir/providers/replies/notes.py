"""What a reply has said so far, within bounds, and what one of its events says about its texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

from weir.model import Inspection, Reply, Usage
from weir.providers.wire.pointers import reply_room
from weir.providers.wire.values import COUNT_MAX, Json, JsonObject

__all__ = ["NO_STEP", "TEXT_CHARS_MAX", "Events", "Notes", "Place", "Step", "consistent"]

TEXT_CHARS_MAX: Final = 4 * 1024 * 1024
TOKENS_MAX: Final = 1 << 36  # of a file of batch results; at the dearest price there is, it fits into 64 bits
_CALLS_MAX: Final = 1000
_WORD_CHARS_MAX: Final = 256


class Place(NamedTuple):
    """A text in an event: where it is, and the channel it continues. ``inner``: it may be a JSON document."""

    pointer: str
    channel: str
    text: str
    inner: bool = False
    kept: bool = True  # False when another place of the event says the same
    call: str = ""  # the key of the tool call that it is (a part of) the arguments of; see `Notes.call`


class Step(NamedTuple):
    """What one event does: texts it adds, channels (by prefix) that end with it, parts that stand complete.

    ``wholes`` are (pointer, value): every string below is a whole text, or the repetition of one.
    """

    places: Sequence[Place] = ()
    ends: Sequence[str] = ()
    wholes: Sequence[tuple[str, Json]] = ()
    usage_only: bool = False


NO_STEP: Final = Step()


class Notes:
    """Collects a `Reply`. Everything from the peer is bounded; a bound that is hit shows in the inspection."""

    def __init__(self) -> None:
        self.model = ""
        self.response_id = ""
        self.finish_reason = ""
        self.usage: Usage | None = None
        self.complete = False
        self.by_model: dict[str, Usage] = {}  # of a result file, which answers many requests
        self.usage_of = ""  # what the usage belongs to, when that isn't this exchange
        self.room = reply_room()  # of the event at hand
        self._texts: list[str] = []
        self._chars = 0
        self._calls: dict[str, tuple[str, str]] = {}
        self._arguments: dict[str, list[str]] = {}  # by the same keys
        self._inspection = Inspection.INSPECTED
        self._reasons: list[str] = []

    @property
    def has_text(self) -> bool:
        """True when any text was kept."""
        return self._chars > 0

    def name(self, *, model: str = "", response_id: str = "", finish_reason: str = "") -> None:
        """Note what is given and not empty."""
        self.model = model[:_WORD_CHARS_MAX] or self.model
        self.response_id = response_id[:_WORD_CHARS_MAX] or self.response_id
        self.finish_reason = finish_reason[:_WORD_CHARS_MAX] or self.finish_reason

    def keep(self, text: str) -> None:
        """Keep a text of the model's."""
        if text := self._fitting(text):
            self._texts.append(text)

    def argue(self, key: str, said: Json) -> None:
        """Keep (a part of) the arguments of the tool call ``key``: a text as it is, anything else as JSON."""
        if not said:
            return
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        if key not in self._arguments and len(self._arguments) >= _CALLS_MAX:
            self.keep(text)
        elif text := self._fitting(text):
            self._arguments.setdefault(key, []).append(text)

    def _fitting(self, text: str) -> str:
        room = TEXT_CHARS_MAX - self._chars
        if len(text) > room:
            self.mark(Inspection.PARTIAL, "text over the limit")
            text = text[: max(room, 0)]
        self._chars += len(text)
        return text

    def call(self, key: str, call_id: str, name: str) -> None:
        """Note a tool call; ``key`` tells calls apart where an id comes late or never. Later values fill gaps."""
        known = self._calls.get(key)
        if known is None:
            if not call_id and not name:
                return
            if len(self._calls) >= _CALLS_MAX:
                self.mark(Inspection.PARTIAL, "tool calls over the limit")
                return
            known = ("", "")
        self._calls[key] = (known[0] or call_id[:_WORD_CHARS_MAX], known[1] or name[:_WORD_CHARS_MAX])

    def mark(self, inspection: Inspection, reason: str) -> None:
        """Note that something was not seen; unparsed outranks partial."""
        if self._inspection is not Inspection.UNPARSED:
            self._inspection = inspection
        if reason not in self._reasons:
            self._reasons.append(reason)

    def each(self, values: Sequence[Json]) -> Iterator[tuple[int, Json]]:
        """Places and ``values``, while there is room: a reply may have a million choices."""
        for at, value in enumerate(values):
            if not self.room.take(0, 1):
                return
            yield at, value

    def keep_all(self, places: Sequence[Place]) -> None:
        """Keep the texts of ``places``."""
        for place in places:
            if place.kept and place.call:
                self.argue(place.call, place.text)
            elif place.kept:
                self.keep(place.text)

    def reply(self) -> Reply:
        """All of it as a value."""
        # Arguments of calls that never had a name are texts like others.
        others = [text for key, texts in self._arguments.items() if key not in self._calls for text in texts]
        return Reply(
            model=self.model,
            response_id=self.response_id,
            usage=None if self.usage is None else consistent(self.usage),
            text="".join((*self._texts, *others)),
            tool_calls=tuple(self._calls.values()),
            arguments=tuple("".join(self._arguments.get(key, ())) for key in self._calls) if self._arguments else (),
            complete=self.complete,
            finish_reason=self.finish_reason,
            inspection=self._inspection,
            reason="; ".join(self._reasons),
            by_model=tuple((model, consistent(used)) for model, used in self.by_model.items()),
            usage_of=self.usage_of,
        )


def consistent(usage: Usage) -> Usage:
    """``usage`` such that the whole is never less than what of it a cache or reasoning had, and sums have an end.

    Whoever reports otherwise is wrong or lies: a record, a price and a budget have to agree on what it was.
    """
    read, written = min(usage.cache_read_tokens, TOKENS_MAX), min(usage.cache_write_tokens, TOKENS_MAX)
    thought = min(usage.reasoning_tokens, TOKENS_MAX)
    if (
        read + written <= usage.input_tokens <= TOKENS_MAX
        and thought <= usage.output_tokens <= TOKENS_MAX
        and (read, written, thought) == (usage.cache_read_tokens, usage.cache_write_tokens, usage.reasoning_tokens)
        and all(count <= COUNT_MAX for _, count in usage.parts)
    ):
        return usage  # as almost every one
    return replace(
        usage,
        input_tokens=max(min(usage.input_tokens, TOKENS_MAX), read + written),
        output_tokens=max(min(usage.output_tokens, TOKENS_MAX), thought),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=thought,
        parts=tuple((name, min(count, COUNT_MAX)) for name, count in usage.parts),
    )


class Events(Protocol):
    """How a dialect reads one reply. Total: no shape a peer sends makes these raise. One object reads one reply."""

    array: bool  # a stream may come as one JSON array
    end_marks: frozenset[bytes]  # event data that only says the stream is over

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        """Read one event of a stream; ``name`` is its SSE name or ``""``."""
        ...

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        """Read a reply that is one JSON document, and keep its texts."""
        ...

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        """An event like ``doc`` that adds nothing but ``text`` at ``place``."""
        ...
