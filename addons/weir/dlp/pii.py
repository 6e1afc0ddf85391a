"""Detectors of personal data: how a pattern, its checks and the words around it become a score.

The scores are Presidio's: a passed check makes 1.0, a failed one drops the hit, and a context word near it lifts a
weak pattern over the threshold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weir.dlp.context import ContextWords
from weir.dlp.patterns import Deadline, Match, Pattern
from weir.dlp.prefilter import Source

__all__ = ["CONTEXT_BOOST", "CONTEXT_SCORE_MIN", "EmailDetector", "PatternDetector", "surely"]

CONTEXT_BOOST = 0.35  # Presidio's own
CONTEXT_SCORE_MIN = 0.5


def surely(_text: str, _start: int, _end: int) -> bool:
    """Nothing is doubtful."""
    return False


def _as_it_is(_value: str) -> float:
    return 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternDetector:
    """One pattern of one recognizer or pack.

    ``proves``: ``validate`` can answer True, and then a word nearby is not needed. ``doubtful`` tells from the place
    of a hit that it needs one all the same, ``excluded`` that it is none. ``cap`` is the highest score that a value
    may have: what documentation is full of counts for little.
    """

    entity: str
    severity: str
    threshold: float
    pattern: Pattern
    score: float
    context: ContextWords
    validate: Callable[[str], bool | None]
    invalidate: Callable[[str], bool | None]
    proves: bool = True
    needs_context: bool = False
    doubtful: Callable[[str, int, int], bool] = surely
    excluded: Callable[[str, int, int], bool] = surely
    cap: Callable[[str], float] = _as_it_is
    shape: str = ""  # a pattern that matches wherever this one does and that the prefilter finds sooner

    @property
    def name(self) -> str:
        """pii/ and the entity."""
        return f"pii/{self.entity}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The pattern itself, or its shape; and the context words, where without one of them there is no hit."""
        flags = self.pattern.flags & (re.IGNORECASE | re.MULTILINE | re.DOTALL)
        pattern = Source(self.shape or self.pattern.pattern, flags)
        only_beside_words = self.needs_context or (self.score < self.threshold and not self.proves)
        return (pattern, Source(self.context.gate)) if only_beside_words and self.context.gate else (pattern,)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Hits at or above the threshold. Raises TimeoutError."""
        for match in self.matches(text, deadline):
            deadline.left()  # validators run outside the pattern's own timeout
            found = self.judge(text, match)
            if found is not None:
                yield found

    def matches(self, text: str, deadline: Deadline) -> Iterator[Match]:
        """Matches of the pattern, before any check."""
        return self.pattern.finditer(text, timeout=deadline.left())

    def judge(self, text: str, match: Match) -> tuple[int, int, float] | None:
        """The hit that ``match`` is, or None."""
        start, end = match.span()
        return self.weigh(text, start, end)

    def weigh(self, text: str, start: int, end: int) -> tuple[int, int, float] | None:
        """The hit from ``start`` to ``end`` if its checks pass and its score suffices."""
        value = text[start:end]
        if not value:
            return None
        valid = self.validate(value)
        if valid is False or self.invalidate(value) or self.excluded(text, start, end):
            return None
        score = 1.0 if valid else self.score
        if self.needs_context or score < self.threshold or self.doubtful(text, start, end):
            if not self.context.around(text, start, end):
                return None
            score = max(score, CONTEXT_SCORE_MIN, min(1.0, self.score + CONTEXT_BOOST))
        score = min(score, self.cap(value))
        return (start, end, score) if score >= self.threshold else None


class EmailDetector(PatternDetector):
    """Presidio's address pattern takes quadratic time on long words: it is run around each ``@`` only.

    An address has at most 64 characters before the ``@`` and 255 after it (RFC 5321).
    """

    __slots__ = ()

    def matches(self, text: str, deadline: Deadline) -> Iterator[Match]:
        """The addresses around every ``@``, from left to right, none twice."""
        done = 0
        at = text.find("@")
        while at >= 0:
            window = self.pattern.finditer(
                text, pos=max(done, at - 64), endpos=min(len(text), at + 256), timeout=deadline.left()
            )
            for match in window:
                done = match.end()
                yield match
                break
            at = text.find("@", max(at + 1, done))
