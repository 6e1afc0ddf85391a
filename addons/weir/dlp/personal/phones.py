"""Phone numbers: written in a hundred ways, and nearly every run of digits is a valid one somewhere.

The library that knows the plans of all countries is slow, so it is asked only about text in the shape of a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from weir.dlp.core.patterns import Deadline, compile_pattern, stretches
from weir.dlp.core.prefilter import Source
from weir.dlp.personal.context import NEAR_AFTER_CHARS, NEAR_BEFORE_CHARS, ContextWords

__all__ = ["PhoneDetector"]

Locate = Callable[[str, bool], Sequence[tuple[int, int]]]

# How numbers are written when nothing else looks like that: +49 30 1234567, (212) 555-0100, 212-555-0100,
# (030) 123 456, (11) 91234-5678, 06 12 34 56 78, 020 7946 0958. Before a plus there may be nearly anything, as in
# "phone=+49…" and "/+49…"; a number without one is not sought behind a slash or a point.
_GAP = "[ ().\\-/\u00a0\u2011]{0,3}"
_BEHIND = r"(?![\w@]|[.-][0-9])"
_PHONE_SURE = compile_pattern(
    rf"(?<![\w+-])\+[1-9](?:{_GAP}[0-9]){{6,14}}{_BEHIND}"
    r"|(?<![\w.+@#/-])(?:"
    r"(?:1[ .-]?)?\([2-9][0-9]{2}\)[ .-]?[0-9]{3}[ .-][0-9]{4}"
    r"|(?:1[ .-])?[2-9][0-9]{2}([ .-])[2-9][0-9]{2}\1[0-9]{4}"
    r"|\(0[0-9]{1,4}\)[ /-]?[0-9]{3,4}[ -]?[0-9]{3,5}"
    r"|\([1-9]{2}\)[ /-]?9?[0-9]{4}-[0-9]{4}"
    r"|0[1-9](?:[ .-][0-9]{2}){4}"
    r"|0[0-9]{2,4}[ /-][0-9]{3,4}[ -]?[0-9]{3,5}"
    rf"){_BEHIND}"
)
# Any run of 7 to 16 digits with what people put between them: only with a context word near it.
_PHONE_SHAPE = compile_pattern(rf"(?<![\w.+@#/-])[+(]?[0-9](?:{_GAP}[0-9]){{6,15}}{_BEHIND}")
# Where either of them can be. `re` finds it much faster than `regex`, and it has nothing to go back and try again.
_DIGIT_RUN = re.compile(rf"[+(]{{0,2}}[0-9](?:{_GAP}[0-9]){{6,}}")
# That can't be interrupted and keeps the interpreter lock, so it goes in windows. They have more in common than the
# longest number takes, so that none falls between them; what is found twice becomes one hit.
_RUN_WINDOW_CHARS = 32_768
_RUN_OVERLAP_CHARS = 128
_SEVEN_DIGITS = rf"[0-9](?:{_GAP}[0-9]){{6}}"  # every number has them
_REACH_CHARS = 64  # around a place where they end
_PHONE_SCORE = 0.6
_CONTEXT_SCORE = 0.75


def _as_it_is(_value: str) -> float:
    return 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneDetector:
    """Phone numbers: the library is slow, so it is asked only about text that has a number's shape.

    Two of these work together: one for what is written as numbers are, one for any digits ``beside_words``.
    """

    severity: str
    threshold: float
    context: ContextWords
    locate: Locate
    beside_words: bool = False
    cap: Callable[[str], float] = _as_it_is
    entity: str = "PHONE_NUMBER"

    @property
    def name(self) -> str:
        """pii/PHONE_NUMBER."""
        return f"pii/{self.entity}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """Seven digits with little between them, which every number has; where words are needed, these first."""
        if self.beside_words:
            return Source(self.context.gate), Source(_SEVEN_DIGITS, shape_of=f"{_SEVEN_DIGITS} anywhere")
        return (Source(_SEVEN_DIGITS),)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Numbers valid in one of the regions: written as numbers are, or of any form near a context word."""
        score = _CONTEXT_SCORE if self.beside_words else _PHONE_SCORE
        if score < self.threshold:
            return
        for start, end in self._valid(text, deadline):
            if (capped := min(score, self.cap(text[start:end]))) >= self.threshold:
                yield start, end, capped

    def _valid(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int]]:
        shape = _PHONE_SHAPE if self.beside_words else _PHONE_SURE
        for run in self._digit_runs(text, deadline):
            done, last = run.start(), min(len(text), run.end() + 2)  # two more, for the look ahead
            while (
                match := next(shape.finditer(text, pos=done, endpos=last, timeout=deadline.left()), None)
            ) is not None:
                start, done = match.span()
                if self.beside_words and not self.context.around(text, start, done):
                    break  # one answer for the whole run: it is short or it is no number
                found = self.locate(text[start:done], text[start] == "+")
                if found:
                    first, end = min(found)
                    yield start + first, start + end
                    done = start + end  # what follows inside the same shape may be a number of its own

    def _digit_runs(self, text: str, deadline: Deadline) -> Iterator[re.Match[str]]:
        """Stretches that may hold phone numbers, from left to right. Raises OutOfTime."""
        step = _RUN_WINDOW_CHARS - _RUN_OVERLAP_CHARS
        reach = (NEAR_BEFORE_CHARS, NEAR_AFTER_CHARS) if self.beside_words else (_REACH_CHARS, _REACH_CHARS)
        for first, last in stretches(text, self.sources[0].pattern, *reach):
            for begin in range(first, max(first + 1, last - _RUN_OVERLAP_CHARS), step):
                deadline.left()
                yield from _DIGIT_RUN.finditer(text, begin, min(last, begin + _RUN_WINDOW_CHARS))
