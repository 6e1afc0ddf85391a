"""One rule, ready to run: the pattern, what must stand near it, and the tests its candidates must pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weir.dlp.core.patterns import Deadline, Later, Pattern
from weir.dlp.rulebook.near import NearPattern
from weir.dlp.rulebook.placeholders import before, entropy_bits, is_filler, is_sample
from weir.dlp.rulebook.validators import VALIDATORS

__all__ = ["KEYWORD_REACH_CHARS", "SEVERITIES", "SecretRule"]

SEVERITIES = ("low", "medium", "high", "critical")
KEYWORD_REACH_CHARS = 120  # how far before a match a keyword may stand


@dataclass(frozen=True, slots=True)
class SecretRule:
    """A rule as its file states it. ``group`` is the capture group that holds the secret; 0 is the whole match.

    What can only be documentation is passed over for secrets alone: a marking or a customer number is what it is.
    """

    id: str
    description: str
    severity: str
    source: str
    pattern: Pattern
    group: int = 0
    keywords: tuple[str, ...] = ()
    reach: int = KEYWORD_REACH_CHARS  # how far before a match a keyword of this rule may stand
    entropy_min: float = 0.0  # bits a character
    validator: str = ""
    score: float = 0.95
    filler: bool = False  # True: also drop words and references, for values without a vendor's prefix
    match: tuple[str, ...] = field(default=(), repr=False)
    miss: tuple[str, ...] = field(default=(), repr=False)

    @property
    def category(self) -> str:
        """What stands before the slash of the id: secret, marking, word, or a word of the operator's."""
        return self.id.partition("/")[0]

    def prepare(self) -> None:
        """Compile the pattern, if that was put off."""
        inner = self.pattern.body if isinstance(self.pattern, NearPattern) else self.pattern
        if isinstance(inner, Later):
            inner.ready()

    def spans(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int]]:
        """Start and end (characters) of every secret in ``text``. Raises TimeoutError when time runs out."""
        for match in self.pattern.finditer(text, timeout=deadline.left()):
            deadline.left()  # what follows runs outside the pattern's own timeout
            start, end = match.span(self.group)
            if start < end and self._near_keyword(text, match.start(), match.end()) and self._real(text[start:end]):
                yield start, end

    def _near_keyword(self, text: str, start: int, end: int) -> bool:
        if not self.keywords:
            return True
        near = (before(text, start, self.reach) + text[start:end]).lower()
        return any(keyword in near for keyword in self.keywords)

    def _real(self, value: str) -> bool:
        if is_filler(value) if self.filler else (self.category == "secret" and is_sample(value)):
            return False
        if self.entropy_min and entropy_bits(value) < self.entropy_min:
            return False
        return not self.validator or VALIDATORS[self.validator](value)
