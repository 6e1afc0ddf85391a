"""Words around a hit that make it likely: "SSN" before nine digits, "(Steuer-ID)" after eleven.

The words stand in the packs. Case does not matter, nor do accents that somebody left out; the bounds of a word do, and
camelCase has them too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from weir.dlp.rulebook.placeholders import before

__all__ = ["AFTER_CHARS", "BEFORE_CHARS", "NEAR_AFTER_CHARS", "NEAR_BEFORE_CHARS", "ContextWords", "forms"]

BEFORE_CHARS = 120
AFTER_CHARS = 40
# Around a context word: what it can speak for, and room for the longest value.
NEAR_BEFORE_CHARS = AFTER_CHARS + 120
NEAR_AFTER_CHARS = BEFORE_CHARS + 120

# What comes after has to belong to the hit: not another line, nor what weir wrote in place of another finding.
_AFTER_END = re.compile(r"[\r\n]|\[REDACTED:|<[A-Z][A-Z0-9_]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GAP = r"[\s_./\\-]{0,3}"
_PARTS = re.compile(r"[\s_./\\-]+")
_SPACED_SCRIPTS_END = 0x0E00  # Thai and all that follows it write words without spaces between them


def forms(word: str) -> tuple[str, ...]:
    """``word`` in small letters, as it is and without accents."""
    small = unicodedata.normalize("NFC", word.strip().lower())
    parts = unicodedata.normalize("NFD", small)
    return tuple(dict.fromkeys((small, "".join(c for c in parts if unicodedata.category(c) != "Mn"))))


class ContextWords:
    """Words that, standing near a hit, make it likely.

    A word matches whole, or with a plural's ending; one that ends in ``*`` matches the beginning of a longer word.
    Between the words of a phrase there may be nothing, a blank, ``_``, ``-`` or the like.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(sorted({form for word in words for form in forms(word) if form.strip("* ")}))
        alternatives = "|".join(_alternative(word) for word in self.words)
        self._pattern = re.compile(alternatives) if alternatives else None

    @property
    def gate(self) -> str:
        """A pattern that matches in every text that has one of the words; "" without words."""
        return f"(?i)(?:{'|'.join(map(_spread, self.words))})" if self.words else ""

    def around(self, text: str, start: int, end: int) -> bool:
        """True when a word stands in the BEFORE_CHARS before ``start`` or, on the same line, just after ``end``."""
        if self._pattern is None:
            return False
        return self._in(before(text, start, BEFORE_CHARS)) or self._in(_after(text, end))

    def _in(self, window: str) -> bool:
        if not window or self._pattern is None:
            return False
        if self._pattern.search(window.lower()) is not None:
            return True
        apart = _CAMEL.sub(" ", window)
        return len(apart) != len(window) and self._pattern.search(apart.lower()) is not None


def _after(text: str, end: int) -> str:
    window = text[end : end + AFTER_CHARS]
    stop = _AFTER_END.search(text, end, end + AFTER_CHARS + 16)
    return window if stop is None else window[: stop.start() - end]


def _alternative(word: str) -> str:
    """``word`` as a pattern over text in small letters."""
    stem = word.rstrip("*")
    pattern = _spread(word)
    if ord(max(stem)) >= _SPACED_SCRIPTS_END:
        return pattern
    letter = r"[^\W\d_]"
    head = rf"(?<!{letter})" if stem[0].isalpha() else ""
    tail = "" if word.endswith("*") or not stem[-1].isalpha() else rf"(?:e?s|')?(?!{letter})"
    return f"{head}{pattern}{tail}"


def _spread(word: str) -> str:
    return _GAP.join(re.escape(part) for part in _PARTS.split(word.rstrip("*")) if part)
