"""What a model sends back, looked at as it passes: `Guard` holds back what may become a finding and takes it out.

Scanned is what the model sent, before pseudonyms are turned back: what the user's own prompt brought in is no finding
of the reply's, and a value that policy let go out may come home. What is released never depends on how the texts were
cut into pieces, as long as findings are no longer than what may be held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from weir.dlp.replies.replytail import HOLD_CHARS_MAX, Shapes, tail_start
from weir.model import Action, Finding, Segment
from weir.ports import ECHO, WHOLE

__all__ = ["FINDINGS_MAX", "Found", "Guard", "Judge", "Look", "Scanned", "Sent", "everything", "segment_of"]

FINDINGS_MAX: Final = 200
_CONTEXT_CHARS: Final = 512  # of what has gone that a scan sees again: words before a number say what it is
_CHANNELS_MAX: Final = 4096
_CLEAN_MAX: Final = 4096
_PAST_MAX: Final = 256

Scanned = tuple[Sequence[Finding], str]  # findings in one text, and why that is not all ("": it is)
Look = Callable[[str], Scanned]
Judge = Callable[[Sequence[Finding]], Sequence[Action]]
Sent = Callable[[str], bool]  # whether the client itself had sent this text


def everything(text: str) -> bool:
    """For streams whose requests are looked at elsewhere: what stands where a request is repeated is that request."""
    return True


class Found:
    """The findings of one reply, each once although streams repeat at their end what they said."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int, int], Finding] = {}
        self._last: dict[tuple[int, str], tuple[str, str, int, int]] = {}
        self.failed = ""  # why not everything was looked at

    def add(self, finding: Finding) -> None:
        """Take one finding, counted from the beginning of its channel; one that goes on from the last replaces it."""
        key = (finding.detector, finding.fingerprint, finding.start, finding.end)
        if key in self._known:
            return
        place = (finding.segment, finding.detector)
        before = self._known.get(self._last.get(place, key))
        if before is not None and finding.start < before.end and before.start < finding.end:
            del self._known[self._last[place]]
        elif len(self._known) >= FINDINGS_MAX:
            self.fail(f"more than {FINDINGS_MAX} findings")
            return
        self._known[key] = finding
        self._last[place] = key

    def fail(self, reason: str) -> None:
        """Note why not everything was looked at; the first reason is the one that is told."""
        self.failed = self.failed or reason

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order in which they were found."""
        return tuple(self._known.values())


class _Channel:
    """One text that is coming in: the part that is kept, where that begins, and how much of it has gone."""

    __slots__ = ("base", "masked", "number", "sent", "text")

    def __init__(self, number: int) -> None:
        self.number = number
        self.text = ""
        self.base = 0  # characters before `text`
        self.sent = 0  # characters of `text` that have gone
        self.masked = -1  # where in the channel the last mark's finding ended


class Guard:
    """A `weir.ports.Watch` that acts: texts leave when no finding can begin in them any more.

    ``look`` scans one text, ``judge`` says what policy wants of findings. Without ``edits`` nothing is held back or
    changed, and what would have to be changed stops the reply. ``strict``: so does what can't be looked at.
    A server may put anything where it repeats the request: only what is ``sent`` passes there unread.
    """

    acts = True

    def __init__(
        self,
        look: Look,
        judge: Judge,
        shapes: Shapes,
        *,
        edits: bool = True,
        strict: bool = True,
        sent: Sent = everything,
    ) -> None:
        self.edits = edits
        self.strict = strict
        self.stopped = False
        self.found = Found()
        self._look = look
        self._judge = judge
        self._shapes = shapes
        self._sent = sent
        self._channels: dict[str, _Channel] = {}
        self._past: dict[str, _Channel] = {}  # the ends of those that have ended: a client adds what follows to them
        self._numbers = 0
        self._clean: set[int] = set()  # hashes of whole texts in which nothing was found

    def feed(self, channel: str, text: str) -> str:
        """Take the next text of ``channel``; return what may go. A whole text waits for its end."""
        if channel.startswith(ECHO) and self._sent(text):
            return text
        state = self._channels.get(channel) or self._begin(channel)
        state.text += text
        if not self.edits:
            self._release(state, tail_start(state.text, self._shapes))
            return text
        if channel.startswith(WHOLE):
            return ""
        return self._release(state, tail_start(state.text, self._shapes))

    def flush(self, channel: str) -> str:
        """``channel`` ends: return what was held back of it, as far as it may go."""
        state = self._channels.pop(channel, None)
        if state is None:
            return ""
        begun = state.base or state.sent
        out = self._release(state, len(state.text), last=True) if begun else self._whole(state)
        if not channel.startswith(WHOLE):
            self._keep_end(channel, state)
        return out if self.edits else ""

    def _keep_end(self, channel: str, state: _Channel) -> None:
        cut = max(0, len(state.text) - _CONTEXT_CHARS)
        state.text = state.text[cut:]
        state.base += cut
        state.sent = len(state.text)
        self._past[channel] = state
        if len(self._past) > _PAST_MAX:
            del self._past[next(iter(self._past))]

    def unread(self, reason: str) -> None:
        """Something of the reply can't be looked at."""
        self.found.fail(reason)
        if self.strict:
            self.stopped = True

    def _begin(self, channel: str) -> _Channel:
        if len(self._channels) >= _CHANNELS_MAX:
            self.unread("too many texts at once")
        state = self._past.pop(channel, None)
        if state is None:
            state = _Channel(self._numbers)
            self._numbers += 1
        self._channels[channel] = state
        return state

    def _whole(self, state: _Channel) -> str:
        """A text none of which has gone yet: the end of a stream repeats many, and those need no second look."""
        mark, before = hash(state.text), len(self.found.findings)
        if mark in self._clean:
            return state.text
        out = self._release(state, len(state.text), last=True)
        if out == state.text and len(self.found.findings) == before and len(self._clean) < _CLEAN_MAX:
            self._clean.add(mark)
        return out

    def _release(self, state: _Channel, tail: int, *, last: bool = False) -> str:
        """Let ``state.text`` go up to ``tail``, without what is to be taken out."""
        if tail <= state.sent or self.stopped:
            return ""
        findings, reason = self._look(state.text)
        if reason:
            self.unread(reason)
        if not last:
            tail = _before(findings, tail, len(state.text))
        ripe = [f for f in findings if state.sent < f.end and f.start < tail]
        actions = self._judge(ripe) if ripe else ()
        for finding, action in zip(ripe, actions, strict=True):
            self._note(state, finding)
            if action > (Action.PSEUDONYMISE if self.edits else Action.ALERT):
                self.stopped = True
        if self.stopped or tail <= state.sent:
            return ""
        out = _without(state, [f for f, action in zip(ripe, actions, strict=True) if action >= Action.REDACT], tail)
        _forget(state, tail)
        return out

    def _note(self, state: _Channel, finding: Finding) -> None:
        start, end = state.base + finding.start, state.base + finding.end
        self.found.add(replace(finding, segment=state.number, start=start, end=end))
        if self.found.failed and self.strict:
            self.stopped = True

    def __repr__(self) -> str:
        return f"Guard({len(self.found.findings)} findings, texts hidden)"


def _before(findings: Sequence[Finding], tail: int, end: int) -> int:
    """``tail``, or the beginning of the finding that it would cut in two, if that may be held."""
    for finding in sorted(findings, key=lambda f: -f.start):
        if finding.start < tail < finding.end and end - finding.start <= HOLD_CHARS_MAX:
            tail = finding.start
    return tail


def _without(state: _Channel, findings: Sequence[Finding], tail: int) -> str:
    """What of ``state.text`` has not gone yet, up to ``tail``, with a mark in the place of each finding."""
    out: list[str] = []
    at = state.sent
    for finding in sorted(findings, key=lambda f: (f.start, f.end)):
        if finding.end <= at:
            continue
        start = max(finding.start, at)
        out.append(state.text[at:start])
        goes_on = finding.start < state.sent and state.masked == state.base + state.sent
        if not goes_on and finding.start < tail:
            out.append(f"[REDACTED:{finding.detector.rpartition('/')[2]}]")
        at = min(finding.end, tail)
        state.masked = state.base + at
    out.append(state.text[at:tail])
    return "".join(out)


def _forget(state: _Channel, tail: int) -> None:
    """Note that all before ``tail`` has gone, and drop what no scan needs to see again."""
    state.sent = tail
    keep = tail - _CONTEXT_CHARS
    if keep > _CONTEXT_CHARS:
        # At a space if there is one near: half a word may look like something else.
        keep = state.text.rfind(" ", keep - HOLD_CHARS_MAX, keep) + 1 or keep
        state.text = state.text[keep:]
        state.base += keep
        state.sent -= keep


def segment_of(text: str) -> tuple[Segment, ...]:
    """One text as an engine takes it."""
    return (Segment("/reply", "assistant", text, part="reply"),)
