"""Words around a hit that make it likely: "SSN" before nine digits, "(Steuer-ID)" after eleven.

Nothing here runs before a pattern has matched. The words stand in the packs, folded like the text they are sought in:
case, accents, compatibility forms and camelCase do not matter, the bounds of a word do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from weir.dlp.placeholders import before

__all__ = ["AFTER_CHARS", "BEFORE_CHARS", "ContextWords", "fold"]

BEFORE_CHARS = 120
AFTER_CHARS = 40

# What comes after has to belong to the hit: not another line, nor what weir wrote in place of another finding.
_AFTER_END = re.compile(r"[\r\n]|\[REDACTED:|<[A-Z][A-Z0-9_]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GAP = r"[\s_./\\-]{0,3}"
_SPACED_SCRIPTS_END = 0x0E00  # Thai and all that follows it write words without spaces between them


def fold(text: str) -> str:
    """``text`` without case and accents, in compatibility form."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in parts if not unicodedata.combining(character)).casefold()


class ContextWords:
    """Words that, standing near a hit, make it likely.

    A word matches whole, or with a plural's ending; one that ends in ``*`` matches the beginning of a longer word.
    Between the words of a phrase there may be nothing, a blank, ``_``, ``-`` or the like.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(sorted({folded for word in words if (folded := fold(word.strip()).strip())}))
        alternatives = "|".join(_alternative(word) for word in self.words)
        self._pattern = re.compile(alternatives) if alternatives else None

    @property
    def gate(self) -> str:
        """A pattern that matches every text in which a word can be found; "" when there are no words.

        The first part of each word, or any character outside ASCII, which may be a letter with an accent.
        """
        firsts = {re.split(r"[\s_./\\-]", word.rstrip("*"))[0] for word in self.words}
        plain = sorted(first for first in firsts if first.isascii())
        if not self.words or not all(firsts):
            return ""
        return "(?i)(?:" + "|".join([*(re.escape(first) for first in plain), "[\u0080-\U0010ffff]"]) + ")"

    def around(self, text: str, start: int, end: int) -> bool:
        """True when a word stands in the BEFORE_CHARS before ``start`` or, on the same line, just after ``end``."""
        if self._pattern is None:
            return False
        return self._in(before(text, start, BEFORE_CHARS)) or self._in(_after(text, end))

    def _in(self, window: str) -> bool:
        if not window or self._pattern is None:
            return False
        if self._pattern.search(fold(window)) is not None:
            return True
        apart = _CAMEL.sub(" ", window)
        return len(apart) != len(window) and self._pattern.search(fold(apart)) is not None


def _after(text: str, end: int) -> str:
    window = text[end : end + AFTER_CHARS]
    stop = _AFTER_END.search(text, end, end + AFTER_CHARS + 16)
    return window if stop is None else window[: stop.start() - end]


def _alternative(word: str) -> str:
    """``word`` as a pattern over folded text."""
    stem = word.rstrip("*")
    pattern = _GAP.join(re.escape(part) for part in re.split(r"[\s_-]+", stem) if part)
    if ord(max(stem)) >= _SPACED_SCRIPTS_END:
        return pattern
    letter = r"[^\W\d_]"
    head = rf"(?<!{letter})" if stem[0].isalpha() else ""
    tail = "" if word.endswith("*") or not stem[-1].isalpha() else rf"(?:e?s|')?(?!{letter})"
    return f"{head}{pattern}{tail}"
