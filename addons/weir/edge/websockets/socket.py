"""One WebSocket to an AI service: what its messages said, what was found in them, what is to go to whom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits, attach, holds_files
from weir.edge.websockets.said import Said, is_speech
from weir.model import Action, Cost, Endpoint, Exchange, Finding, Inspection, Segment, Verdict
from weir.ports import Masker, TextMap
from weir.providers.formats.base import compact
from weir.providers.replies.frames import FrameReader, Frames, read_frame
from weir.providers.requests.media import HIDDEN
from weir.providers.wire.words import plausible_model

__all__ = ["LiveMap", "Socket", "opening"]

_TAIL_CHARS = 256  # of the messages before: a key may be cut in pieces by their ends
_TAIL_PARTS = 32
_KEPT = HIDDEN["previous_response_id"]
_HEAD_BYTES = 4096  # of a message, in which a response's id stands
_BEGUN_MAX = 1000
_CREATED = re.compile(rb'"id"\s*:\s*"(resp_[A-Za-z0-9_-]{1,128})"')
_PREVIOUS = re.compile(r"(?:/response)?/previous_response_id(?:#key)?")
_MARKS = (b'"item_reference"', b'"conversation"')  # other ways to what this socket has not seen


def opening(exchange: Exchange, query: Mapping[str, str]) -> Exchange:
    """The request that opens a socket, as far as it was read: nothing is said yet, and its messages will be looked at.

    The model that is to answer stands in the query, if anywhere.
    """
    model = exchange.model or plausible_model(query.get("model", "") or query.get("deployment", ""))
    return replace(exchange, model=model, stream=True, inspection=Inspection.INSPECTED, reason="")


def _tail(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The end of what was said, without ids and names of members."""
    tail: list[Segment] = []
    room = _TAIL_CHARS
    for segment in reversed(segments):
        if not is_speech(segment.pointer):
            continue
        tail.append(replace(segment, text=segment.text[-room:]))
        room -= len(segment.text)
        if room <= 0 or len(tail) >= _TAIL_PARTS:
            break
    return tuple(reversed(tail))


class LiveMap:
    """A `TextMap` that knows the pseudonyms issued so far: a socket issues new ones while replies come in."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._maps: dict[str, TextMap | None] = {}

    def feed(self, channel: str, text: str) -> str:
        """As any map; a channel keeps the pseudonyms that were known when it began."""
        if channel not in self._maps:
            self._maps[channel] = self._masker.restorer()
        known = self._maps[channel]
        return text if known is None else known.feed(channel, text)

    def flush(self, channel: str) -> str:
        """What is held back for ``channel``, which ends."""
        known = self._maps.pop(channel, None)
        return "" if known is None else known.flush(channel)


@dataclass(slots=True)
class Socket:
    """The state of one socket. A message is read, scanned and decided on before the next one is taken."""

    endpoint: Endpoint
    model: str  # the last one that was named
    dialect: Frames
    reader: FrameReader
    number: int = 0
    from_client: bool = True
    exchange: Exchange | None = None  # the message at hand
    before: tuple[Segment, ...] = ()  # what stood before its segments, for what is cut in two
    inspection: Inspection = Inspection.INSPECTED  # the worst of all messages
    reasons: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # findings by detector
    verdict: Verdict = field(default_factory=Verdict)  # the strongest so far
    turns: int = 0  # that have ended
    cost: Cost | None = None  # of all of them
    told: tuple[int, int] = (0, 0)  # characters and tool calls of the turns that have a record
    said: Said = field(default_factory=Said)  # by the client since the last turn, where texts are kept
    _tails: dict[bool, tuple[Segment, ...]] = field(default_factory=dict)
    _begun: dict[bytes, None] = field(default_factory=dict)
    _first: tuple[bytes, ...] = ()
    _back: tuple[bytes, ...] = ()
    _last: tuple[bytes, ...] = ()

    def read(self, data: bytes, *, is_text: bool, from_client: bool) -> Exchange:
        """Read the next message, whoever sent it."""
        self.number += 1
        self.from_client = from_client
        self.exchange = read_frame(self.dialect, data, self.endpoint, self.number, is_text=is_text)
        if self.exchange.inspection is Inspection.PARTIAL:  # a reply names what it goes on from too
            self.exchange = self._known(self.exchange, data)
        if not from_client:
            self._answered(data)
        self.model = self.exchange.model or self.model
        self.before = self._tails.get(from_client, ())
        self._tails[from_client] = _tail((*self.before, *self.exchange.segments))
        return self.exchange

    def _answered(self, data: bytes) -> None:
        """Remember the responses that this socket has seen begin: a later message may go on from them."""
        if b"response.created" in data[:_HEAD_BYTES] and (found := _CREATED.search(data[:_HEAD_BYTES])):
            self._begun[found[1]] = None
            if len(self._begun) > _BEGUN_MAX:
                del self._begun[next(iter(self._begun))]

    def _known(self, exchange: Exchange, data: bytes) -> Exchange:
        """``exchange``, not partial for going on from a response whose every turn was seen on this very socket."""
        previous = next((s.text for s in exchange.segments if _PREVIOUS.fullmatch(s.pointer)), "")
        if exchange.reason != _KEPT or self.inspection is not Inspection.INSPECTED or any(m in data for m in _MARKS):
            return exchange
        if previous.encode("utf-8", "replace") not in self._begun:
            return exchange
        return replace(exchange, inspection=Inspection.INSPECTED, reason="")

    def read_files(self, limits: FileLimits, deadline: Deadline) -> Exchange:
        """The message at hand with the texts of its files: work for a thread, when there are any."""
        assert self.exchange is not None
        if self.exchange.attachments or any(holds_files(s.text) for s in self.exchange.segments):
            found = attach(self.exchange, limits, deadline)
            self.exchange = replace(found, segments=tuple(replace(s, frame=self.number) for s in found.segments))
        return self.exchange

    def take_findings(self, found: Sequence[Finding]) -> tuple[Finding, ...]:
        """Findings of a scan over ``before`` and the message: those in the message, counted from its first segment."""
        skip = len(self.before)
        mine = tuple(replace(f, segment=f.segment - skip) for f in found if f.segment >= skip)
        for finding in mine:
            self.counts[finding.detector] = self.counts.get(finding.detector, 0) + 1
        return mine

    def unread(self, reason: str, inspection: Inspection = Inspection.PARTIAL) -> None:
        """Note that something was not seen; the worst of all messages is what the socket is."""
        order = (Inspection.INSPECTED, Inspection.PARTIAL, Inspection.UNPARSED, Inspection.FAILED)
        if inspection in order and order.index(inspection) > order.index(self.inspection):
            self.inspection = inspection
        if reason and reason not in self.reasons and len(self.reasons) < 8:
            self.reasons.append(reason)

    def decided(self, verdict: Verdict) -> None:
        """Note the verdict on a message; the first of the strongest is the socket's."""
        if verdict.action > self.verdict.action:
            self.verdict = verdict

    def reply(self, data: bytes) -> bytes | None:
        """A message of the server: what goes to the client in its place; None for the very same."""
        *first, last = self.reader.message(data)
        self._first = tuple(first)
        return None if last is data else last

    def refuse(self, message: str, rule_id: str) -> None:
        """What the client is told before the socket is closed."""
        self._last = (self.dialect.abort_event(message, rule_id),)

    def answer(self, status: int, message: str, rule_id: str) -> None:
        """What the client is told in place of an answer to its message; the socket stays open."""
        error = {**self.dialect.error(status, message, rule_id), "event_id": None}
        self._back = (compact({"type": "error", "event_id": "weir", "status": status, "error": error}),)

    def take_back(self) -> tuple[bytes, ...]:
        """Messages to whoever sent the one at hand; they are given once."""
        back, self._back = self._back, ()
        return back

    def take_first(self) -> tuple[bytes, ...]:
        """Messages that go before the one at hand; they are given once."""
        first, self._first = self._first, ()
        return first

    def take_rest(self) -> tuple[bytes, ...]:
        """Messages with what was still held back, as the server closes."""
        return self.reader.rest()

    def take_last_words(self) -> tuple[bytes, ...]:
        """Messages for a client whose socket is refused."""
        last, self._last = self._last, ()
        return last

    @property
    def treats(self) -> bool:
        """Whether the strongest verdict so far changes or stops anything."""
        return self.verdict.action >= Action.REDACT
