"""What the engine runs: one detector is one pattern with everything needed to say yes or no to its matches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from weir.dlp.core.patterns import Deadline
from weir.dlp.core.prefilter import Source
from weir.dlp.rulebook.secret_rule import SecretRule

__all__ = ["Detector", "SecretDetector"]


class Detector(Protocol):
    """Several detectors may share a name: an entity is often found by more than one pattern."""

    @property
    def name(self) -> str:
        """As findings carry it: secret/openai-key, pii/EMAIL_ADDRESS."""
        ...

    @property
    def severity(self) -> str:
        """low, medium, high or critical."""
        ...

    @property
    def sources(self) -> tuple[Source, ...]:
        """Patterns that all match any text in which this detector could find anything."""
        ...

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Start, end (characters) and score of each hit. Raises TimeoutError; a library's fault passes through."""
        ...


@dataclass(frozen=True, slots=True)
class SecretDetector:
    """A secret rule as a detector."""

    rule: SecretRule

    @property
    def sources(self) -> tuple[Source, ...]:
        """The rule's pattern, and its keywords if it has any: 40 hex digits alone are in every text about git."""
        pattern = Source(self.rule.pattern.pattern)
        if not self.rule.keywords:
            return (pattern,)
        words = "|".join(re.escape(keyword) for keyword in self.rule.keywords)
        return pattern, Source(f"(?i)(?:{words})")

    def prepare(self) -> None:
        """Do now what the first use would have to wait for."""
        self.rule.prepare()

    @property
    def name(self) -> str:
        """The rule's id."""
        return self.rule.id

    @property
    def severity(self) -> str:
        """The rule's severity."""
        return self.rule.severity

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Hits of the rule, all with its score."""
        for start, end in self.rule.spans(text, deadline):
            yield start, end, self.rule.score
