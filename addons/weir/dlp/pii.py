"""Detectors of personal data: how a pattern, its checks and the words before it become a score.

The scores are Presidio's: a passed check makes 1.0, a failed one drops the hit, and a context word in the text
before it lifts a weak pattern over the threshold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from weir.dlp.patterns import Deadline, Match, Pattern, compile_pattern
from weir.dlp.placeholders import before
from weir.dlp.prefilter import Source

__all__ = ["ContextWords", "EmailDetector", "GroupedDetector", "PatternDetector", "PhoneDetector", "PiiDetector"]

CONTEXT_CHARS = 120  # how far before a hit a context word may stand
CONTEXT_BOOST = 0.35  # Presidio's own
CONTEXT_SCORE_MIN = 0.5

Locate = Callable[[str, bool], Sequence[tuple[int, int]]]


class ContextWords:
    """Words that, standing before a hit, make it likely. They match from the start of a word, in any case."""

    def __init__(self, words: Iterable[str]) -> None:
        alternatives = "|".join(re.escape(word.strip().lower()) for word in sorted(set(words)) if word.strip())
        self._pattern = re.compile(rf"(?<![a-z])(?:{alternatives})") if alternatives else None

    def before(self, text: str, start: int) -> bool:
        """True when one of the words stands in the CONTEXT_CHARS before ``start``."""
        if self._pattern is None:
            return False
        return self._pattern.search(before(text, start, CONTEXT_CHARS).lower()) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternDetector:
    """One pattern of one recognizer."""

    entity: str
    severity: str
    threshold: float
    pattern: Pattern
    score: float
    context: ContextWords
    validate: Callable[[str], bool | None]
    invalidate: Callable[[str], bool | None]
    needs_context: bool = False
    shape: str = ""  # a pattern that matches wherever this one does and that the prefilter finds sooner

    @property
    def name(self) -> str:
        """pii/ and the entity."""
        return f"pii/{self.entity}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The pattern itself, or its shape."""
        flags = self.pattern.flags & (re.IGNORECASE | re.MULTILINE | re.DOTALL)
        return (Source(self.shape or self.pattern.pattern, flags),)

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
        if valid is False or self.invalidate(value):
            return None
        score = 1.0 if valid else self.score
        if self.needs_context or score < self.threshold:
            if not self.context.before(text, start):
                return None
            score = max(score, CONTEXT_SCORE_MIN, min(1.0, self.score + CONTEXT_BOOST))
        return (start, end, score) if score >= self.threshold else None


class GroupedDetector(PatternDetector):
    """For IBAN: its pattern may take in a word that follows, so each group's end is tried, the longest first."""

    __slots__ = ()

    def judge(self, text: str, match: Match) -> tuple[int, int, float] | None:
        """The longest part of the match, from its start, that passes the checks."""
        for group in range(self.pattern.groups, 0, -1):
            end = match.span(group)[1]
            found = self.weigh(text, match.start(), end if end > 0 else match.end())
            if found is not None:
                return found
        return None


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


# How numbers are written when nothing else looks like that: +49 30 1234567, (212) 555-0100, 212-555-0100,
# (030) 123 456, 06 12 34 56 78, 020 7946 0958.
_GAP = "[ ().\\-/\u00a0\u2011]{0,3}"
_PHONE_SURE = compile_pattern(
    r"(?<![\w.+@#/=-])(?:"
    rf"\+[1-9](?:{_GAP}[0-9]){{6,14}}"
    r"|(?:1[ .-]?)?\([2-9][0-9]{2}\)[ .-]?[0-9]{3}[ .-][0-9]{4}"
    r"|(?:1[ .-])?[2-9][0-9]{2}([ .-])[2-9][0-9]{2}\1[0-9]{4}"
    r"|\(0[0-9]{1,4}\)[ /-]?[0-9]{3,4}[ -]?[0-9]{3,5}"
    r"|0[1-9](?:[ .-][0-9]{2}){4}"
    r"|0[0-9]{2,4}[ /-][0-9]{3,4}[ -]?[0-9]{3,5}"
    r")(?![\w@]|[.-][0-9])"
)
# Any run of 7 to 16 digits with what people put between them: only with a context word before it.
_PHONE_SHAPE = compile_pattern(rf"(?<![\w.+@#/=-])[+(]?[0-9](?:{_GAP}[0-9]){{6,15}}(?![\w@]|[.-][0-9])")
# Where either of them can be. `re` finds it much faster than `regex`, and it has nothing to go back and try again.
_DIGIT_RUN = re.compile(rf"[+(]{{0,2}}[0-9](?:{_GAP}[0-9]){{6,}}")
# That can't be interrupted and keeps the interpreter lock, so it goes in windows. They have more in common than the
# longest number takes, so that none falls between them; what is found twice becomes one hit.
_RUN_WINDOW_CHARS = 32_768
_RUN_OVERLAP_CHARS = 128
_PHONE_SCORE = 0.6
_PHONE_CONTEXT_SCORE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneDetector:
    """Phone numbers: the library is slow, so it is asked only about text that has a number's shape."""

    severity: str
    threshold: float
    context: ContextWords
    locate: Locate
    entity: str = "PHONE_NUMBER"

    @property
    def name(self) -> str:
        """pii/PHONE_NUMBER."""
        return f"pii/{self.entity}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every number has seven digits with little between them."""
        return (Source(rf"[0-9](?:{_GAP}[0-9]){{6}}"),)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Numbers valid in one of the regions, written as numbers are written or with a context word before them."""
        if self.threshold <= _PHONE_SCORE:
            for start, end in self._valid(_PHONE_SURE, text, deadline, needs_context=False):
                yield start, end, _PHONE_SCORE
        if self.threshold <= _PHONE_CONTEXT_SCORE:
            for start, end in self._valid(_PHONE_SHAPE, text, deadline, needs_context=True):
                yield start, end, _PHONE_CONTEXT_SCORE

    def _valid(
        self, shape: Pattern, text: str, deadline: Deadline, *, needs_context: bool
    ) -> Iterator[tuple[int, int]]:
        for run in _digit_runs(text, deadline):
            done, last = run.start(), min(len(text), run.end() + 2)  # two more, for the look ahead
            while (
                match := next(shape.finditer(text, pos=done, endpos=last, timeout=deadline.left()), None)
            ) is not None:
                start, done = match.span()
                if needs_context and not self.context.before(text, start):
                    break  # one answer for the whole run: it is short or it is no number
                found = self.locate(text[start:done], text[start] == "+")
                if found:
                    first, end = min(found)
                    yield start + first, start + end
                    done = start + end  # what follows inside the same shape may be a number of its own


def _digit_runs(text: str, deadline: Deadline) -> Iterator[re.Match[str]]:
    """Stretches that may hold phone numbers, from left to right. Raises OutOfTime."""
    step = _RUN_WINDOW_CHARS - _RUN_OVERLAP_CHARS
    for begin in range(0, max(1, len(text) - _RUN_OVERLAP_CHARS), step):
        deadline.left()
        yield from _DIGIT_RUN.finditer(text, begin, begin + _RUN_WINDOW_CHARS)


PiiDetector = PatternDetector | PhoneDetector
