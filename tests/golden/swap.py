"""A small `TextMap` for tests: known words become others, and only what may begin such a word is held back."""

from __future__ import annotations

from collections.abc import Mapping

WORD = "<EMAIL_ADDRESS_1>"
VALUE = 'ann "x" o\'k@corp.example'


class Swap:
    """Replaces words by values, channel by channel."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = dict(words)
        self.held: dict[str, str] = {}

    def feed(self, channel: str, text: str) -> str:
        """What may go of the channel's text so far."""
        text.encode()  # a text that cannot be encoded must never come here
        text = self.held.pop(channel, "") + text
        out = ""
        while True:
            found = [(at, word) for word in self.words if (at := text.find(word)) >= 0]
            if not found:
                break
            at, word = min(found)
            out += text[:at] + self.words[word]
            text = text[at + len(word) :]
        tail = max(
            (n for word in self.words for n in range(1, len(word)) if text.endswith(word[:n])),
            default=0,
        )
        if tail:
            self.held[channel] = text[len(text) - tail :]
            text = text[: len(text) - tail]
        return out + text

    def flush(self, channel: str) -> str:
        """The rest."""
        return self.held.pop(channel, "")
