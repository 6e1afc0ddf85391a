"""What one scan has to tell so far, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable

from weir.dlp.core.cache import Span
from weir.dlp.views.joins import CATEGORIES
from weir.model import Finding

__all__ = ["Told", "finding"]


class Told:
    """Findings of all its texts in order, why they may not be all, and how many characters were looked at."""

    def __init__(self, findings_max: int, too_many: str, direction: str, glance: int | None = None) -> None:
        """``glance`` is how many new characters may get more than a glance; None is all of them."""
        self.findings: list[Finding] = []
        self.reasons: list[str] = []
        self.scanned = self.cached = 0
        self.direction = direction
        self.glances = glance is not None
        self._left = glance or 0
        self._findings_max = findings_max
        self._too_many = too_many

    def because(self, reason: str) -> None:
        """Note why the scan is not complete; "" is no reason."""
        if reason and reason not in self.reasons:
            self.reasons.append(reason)

    def count(self, chars: int, fresh: bool) -> None:
        """Count characters that were scanned, or that had been."""
        if fresh:
            self.scanned += chars
        else:
            self.cached += chars

    def spend(self, chars: int) -> bool:
        """Whether so many characters more may get more than a glance, which they do then."""
        self._left -= chars
        return self._left >= 0

    def take(self, findings: Iterable[Finding]) -> bool:
        """Add findings; False when there are too many."""
        self.findings += findings
        if len(self.findings) <= self._findings_max:
            return True
        self.because(self._too_many)
        del self.findings[self._findings_max :]
        return False

    def covers(self, index: int, start: int, end: int) -> bool:
        """True when one finding of the same kind covers this stretch already."""
        return any(
            found.segment == index and found.start <= start and end <= found.end and found.category in CATEGORIES
            for found in self.findings
        )


def finding(index: int, span: Span, direction: str) -> Finding:
    """The finding that ``span`` is in the text with this index."""
    return Finding(
        detector=span.detector,
        category=span.detector.partition("/")[0],
        segment=index,
        start=span.start,
        end=span.end,
        score=span.score,
        severity=span.severity,
        fingerprint=span.fingerprint,
        direction=direction,
    )
