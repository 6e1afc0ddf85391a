"""A reply that is only looked at: its texts are collected as they pass and scanned in windows, off the way.

Nothing waits and nothing changes. Windows end at fixed places of a text, so what is found does not depend on how the
reply was cut into pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from weir.dlp.replies.reply import Found, Look, Scanned, Sent, everything
from weir.dlp.replies.replytail import Shapes, tail_start
from weir.ports import ECHO, WHOLE, Hearer

__all__ = ["PENDING_CHARS_MAX", "WINDOW_CHARS", "Listener", "Window", "look_at"]

WINDOW_CHARS: Final = 8 * 1024
PENDING_CHARS_MAX: Final = 8 << 20  # of texts that wait for their scan
_CONTEXT_CHARS: Final = 512
_SHORT: Final = 6  # characters in which nothing can be found
_CHANNELS_MAX: Final = 4096
_TOLD_MAX: Final = 16_384
_SHAPES: Final = Shapes(words=4, groups=True)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of one text, to be scanned: findings count when they end after ``done`` and no later than ``ripe``."""

    number: int
    text: str = field(repr=False)
    base: int  # characters of the channel before it
    done: int
    ripe: int


class _Channel:
    __slots__ = ("base", "chars", "done", "number", "parts")

    def __init__(self, number: int) -> None:
        self.number = number
        self.parts: list[str] = []
        self.chars = 0
        self.base = 0
        self.done = 0  # characters of what is kept whose findings are known


class Listener(Hearer):
    """A `weir.ports.Watch` that never acts. Give its windows to ``look_at``, and what that says to ``take``."""

    edits = False
    acts = False
    stopped = False

    def __init__(self, sent: Sent = everything) -> None:
        self.found = Found()
        self._sent = sent
        self.pending_chars = 0
        self._channels: dict[str, _Channel] = {}
        self._numbers = 0
        self._windows: list[Window] = []
        self._told: set[int] = set()  # hashes of whole texts: the end of a stream repeats what was said

    def feed(self, channel: str, text: str) -> str:
        """Take the next text of ``channel`` and return it."""
        if channel.startswith(ECHO) and self._sent(text):
            return text
        state = self._channels.get(channel)
        if state is None:
            if len(self._channels) >= _CHANNELS_MAX:
                self.unread("too many texts at once")
                return text
            state = self._channels[channel] = _Channel(self._numbers)
            self._numbers += 1
        state.parts.append(text)
        state.chars += len(text)
        if state.chars >= WINDOW_CHARS:
            self._cut(state)
        return text

    def flush(self, channel: str) -> str:
        """``channel`` ends; nothing was held back."""
        state = self._channels.pop(channel, None)
        if state is None or state.chars - state.done < 1 or (state.base == 0 and state.chars < _SHORT):
            return ""
        text = "".join(state.parts)
        if channel.startswith(WHOLE) and not self._is_new(text):
            return ""
        self._put(Window(state.number, text, state.base, state.done, len(text)))
        return ""

    def whole(self, text: str, *, echo: bool) -> None:
        """A text that stands complete: as `feed` and `flush` of a channel that begins and ends with it."""
        if len(text) >= WINDOW_CHARS or len(self._channels) >= _CHANNELS_MAX:
            channel = ECHO if echo else WHOLE
            self.feed(channel, text)
            self.flush(channel)
            return
        if echo and self._sent(text):
            return
        number = self._numbers
        self._numbers += 1
        if len(text) >= _SHORT and self._is_new(text):
            self._put(Window(number, text, 0, 0, len(text)))

    def _is_new(self, text: str) -> bool:
        mark = hash(text)
        if mark in self._told:
            return False
        if len(self._told) < _TOLD_MAX:
            self._told.add(mark)
        return True

    def unread(self, reason: str) -> None:
        """Something of the reply can't be looked at."""
        self.found.fail(reason)

    def end(self) -> None:
        """The reply has ended, and every channel with it."""
        for channel in list(self._channels):
            self.flush(channel)

    def windows(self) -> list[Window]:
        """What waits to be scanned; it is given once."""
        taken, self._windows = self._windows, []
        self.pending_chars = 0
        return taken

    def put_back(self, windows: Sequence[Window]) -> None:
        """These could not be scanned where it was tried; they wait again."""
        self._windows = [*windows, *self._windows]
        self.pending_chars += sum(len(window.text) for window in windows)

    def take(self, windows: Sequence[Window], results: Sequence[Scanned]) -> None:
        """Note what the scans of ``windows`` found."""
        for window, (findings, reason) in zip(windows, results, strict=True):
            if reason:
                self.found.fail(reason)
            for finding in findings:
                if window.done < finding.end <= window.ripe:
                    start, end = window.base + finding.start, window.base + finding.end
                    self.found.add(replace(finding, segment=window.number, start=start, end=end))

    def _cut(self, state: _Channel) -> None:
        """Make windows of what a channel has in full length, and keep what the next one needs to see."""
        text = "".join(state.parts)
        while len(text) >= WINDOW_CHARS:
            piece = text[:WINDOW_CHARS]
            ripe = max(state.done, tail_start(piece, _SHAPES))
            self._put(Window(state.number, piece, state.base, state.done, ripe))
            keep = min(max(1, ripe - _CONTEXT_CHARS), ripe)
            # What a private key's block holds back must not keep the window from moving on.
            keep = max(keep, WINDOW_CHARS // 4)
            text = text[keep:]
            state.base += keep
            state.done = max(0, ripe - keep)
        state.parts, state.chars = [text], len(text)

    def _put(self, window: Window) -> None:
        if self.pending_chars > PENDING_CHARS_MAX:
            self.unread("more text than can be scanned in time")
            return
        self._windows.append(window)
        self.pending_chars += len(window.text)

    def __repr__(self) -> str:
        return f"Listener({len(self.found.findings)} findings, texts hidden)"


def look_at(windows: Sequence[Window], look: Look) -> list[Scanned]:
    """Scan ``windows``: pure, on any thread."""
    return [look(window.text) for window in windows]
