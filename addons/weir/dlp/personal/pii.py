"""Detectors of personal data: how a pattern, its checks and the words around it become a score.

The scores are Presidio's: a passed check makes 1.0, a failed one drops the hit, and a context word near it lifts a
weak pattern over the threshold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weir.dlp.core.patterns import Deadline, Match, Pattern, stretches
from weir.dlp.core.prefilter import Source
from weir.dlp.personal.context import NEAR_AFTER_CHARS, NEAR_BEFORE_CHARS, ContextWords

__all__ = ["CONTEXT_BOOST", "CONTEXT_SCORE_MIN", "BesideWords", "EmailDetector", "PatternDetector", "surely"]

CONTEXT_BOOST = 0.35  # Presidio's own
CONTEXT_SCORE_MIN = 0.5

_SOURCE_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL
# A group that is called by its number or name.
_REFERENCE = re.compile(r"\\[1-9]|\(\?P[=>]|\(\?\(|\\g<")


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
    near: int = 0  # characters around a place of the source that hold every match; 0 where the pattern knows it
    shape: str = ""  # a pattern that matches wherever this one does and that the prefilter finds sooner

    @property
    def name(self) -> str:
        """pii/ and the entity."""
        return f"pii/{self.entity}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The pattern itself, or its shape; where without a word there is no hit, the words alone.

        Words are rarer than nine digits, and the pattern then only has to be run near them.
        """
        if self.beside_words:
            return (Source(self.context.gate),)
        return (Source(self.shape or self.pattern.pattern, self.pattern.flags & _SOURCE_FLAGS),)

    @property
    def beside_words(self) -> bool:
        """Whether there can be a hit only where one of the context words stands."""
        only = self.needs_context or (self.score < self.threshold and not self.proves)
        return only and bool(self.context.gate)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Hits at or above the threshold. Raises TimeoutError."""
        for match in self.matches(text, deadline):
            deadline.left()  # validators run outside the pattern's own timeout
            found = self.judge(text, match)
            if found is not None:
                yield found

    def matches(self, text: str, deadline: Deadline) -> Iterator[Match]:
        """Matches of the pattern, before any check; around the places of `sources` where that is enough."""
        before, after = self.near, self.near
        if self.beside_words:
            before, after = NEAR_BEFORE_CHARS, NEAR_AFTER_CHARS
        if not after:
            yield from self.pattern.finditer(text, timeout=deadline.left())
            return
        for begin, end in stretches(text, self.sources[0].pattern, before, after):
            for match in self.pattern.finditer(text, pos=begin, endpos=end, timeout=deadline.left()):
                # At the edge of a stretch a part of a longer word can look like a whole one; no hit reaches there.
                if (begin == 0 or match.start() > begin) and (end == len(text) or match.end() < end):
                    yield match

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
            # Nothing of an address is a blank: a decorator and a handle have one before their sign.
            if at and not text[at - 1].isspace() and not text[at + 1 : at + 2].isspace():
                window = self.pattern.finditer(
                    text, pos=max(done, at - 64), endpos=min(len(text), at + 256), timeout=deadline.left()
                )
                for match in window:
                    done = match.end()
                    yield match
                    break
            at = text.find("@", max(at + 1, done))


@dataclass(frozen=True, slots=True)
class BesideWords:
    """All patterns of one entity that need a word, behind one search for the words."""

    members: tuple[PatternDetector, ...]

    @property
    def entity(self) -> str:
        """The entity of all members."""
        return self.members[0].entity

    @property
    def name(self) -> str:
        """pii/ and the entity."""
        return self.members[0].name

    @property
    def severity(self) -> str:
        """The entity's."""
        return self.members[0].severity

    @property
    def sources(self) -> tuple[Source, ...]:
        """The words, and that one of the members matches somewhere: most texts with a word have no number at all."""
        words = self.members[0].sources
        flags = {member.pattern.flags & _SOURCE_FLAGS for member in self.members}
        shapes = [member.shape or member.pattern.pattern for member in self.members]
        if len(flags) > 1 or any(_REFERENCE.search(shape) for shape in shapes):
            return words  # these can't be read as one pattern
        return (*words, Source("|".join(f"(?:{shape})" for shape in shapes), next(iter(flags))))

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Hits of all members. Raises TimeoutError."""
        for member in self.members:
            yield from member.find(text, deadline)
