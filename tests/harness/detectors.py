"""Detectors that a test makes up, and an engine of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weir.dlp.core.engine import Engine
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.prefilter import Source
from weir.model import Segment

__all__ = ["Faulty", "of", "user"]


def user(*texts: str) -> list[Segment]:
    return [Segment(f"/{n}", "user", text) for n, text in enumerate(texts)]


@dataclass(frozen=True)
class Faulty:
    """A detector that does what it is told."""

    error: BaseException | None = None
    hits: int = 0
    width: int = 1
    name: str = "pii/FAULTY"
    severity: str = "medium"
    seen: list[str] = field(default_factory=list)

    @property
    def sources(self) -> tuple[Source, ...]:
        return (Source("x"),)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        self.seen.append(text)
        for n in range(self.hits):
            yield n, n + self.width, 1.0
        if self.error is not None:
            raise self.error


def of(*detectors: Faulty, findings_max: int = 10) -> Engine:
    return Engine(detectors, version="1", fingerprint_key=b"k", findings_max=findings_max)
