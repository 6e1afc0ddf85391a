"""How good the detectors are on texts whose findings somebody has marked: recall, precision, and what went wrong.

A labelled file has one JSON object a line:
``{"text": "…", "spans": [{"start": 0, "end": 5, "label": "EMAIL_ADDRESS"}]}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weir.model import Finding

__all__ = [
    "COVER_MIN",
    "Evaluation",
    "Label",
    "LabelledError",
    "Sample",
    "Span",
    "evaluate",
    "labels_of",
    "read_samples",
]

COVER_MIN = 0.5  # of a marked span that a finding must cover
SPANS_KEPT_MAX = 1000  # misses and false finds told by place, of each label

Find = Callable[[str], Sequence[Finding]]


class LabelledError(ValueError):
    """A line that is no labelled text: ``FILE:LINE: field: what is wrong; what to write``. It quotes nothing."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` of the text in ``line`` of the file."""

    line: int
    start: int
    end: int
    detector: str = ""  # of a false find


@dataclass(frozen=True, slots=True)
class Sample:
    """One line. ``spans`` are start, end and label."""

    line: int
    text: str = field(repr=False)
    spans: tuple[tuple[int, int, str], ...]


@dataclass(slots=True)
class Label:
    """How one label came out."""

    found: int = 0
    missed: int = 0
    right: int = 0  # findings that belong to a marked span; one span may have several
    wrong: int = 0
    misses: list[Span] = field(default_factory=list)
    false: list[Span] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        """Marked spans that were found; None when there are none."""
        marked = self.found + self.missed
        return self.found / marked if marked else None

    @property
    def precision(self) -> float | None:
        """Findings that were marked; None when there are none."""
        made = self.right + self.wrong
        return self.right / made if made else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of the two; None where one of them is."""
        recall, precision = self.recall, self.precision
        if recall is None or precision is None:
            return None
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


@dataclass(slots=True)
class Evaluation:
    """Labels by name, and the texts that were read."""

    labels: dict[str, Label] = field(default_factory=dict)
    texts: int = 0
    chars: int = 0

    @property
    def all(self) -> Label:
        """All labels together."""
        total = Label()
        for label in self.labels.values():
            total.found += label.found
            total.missed += label.missed
            total.right += label.right
            total.wrong += label.wrong
        return total


def read_samples(lines: Iterable[bytes], file: str) -> Iterator[Sample]:
    """The labelled texts in ``lines``; empty lines count but say nothing. Raises LabelledError."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue

        def wrong(name: str, problem: str, remedy: str, number: int = number) -> LabelledError:
            return LabelledError(f"{file}:{number}: {name}: {problem}; {remedy}")

        try:
            made: Any = json.loads(line)
        except ValueError:
            raise wrong("line", "is not JSON", "write one object a line") from None
        if not isinstance(made, dict):
            raise wrong("line", "is no object", 'write {"text": …, "spans": […]}')
        text, spans = made.get("text"), made.get("spans", [])
        if not isinstance(text, str):
            raise wrong("text", "is no text", 'write "text": "…"')
        if not isinstance(spans, list):
            raise wrong("spans", "is no list", 'write "spans": [{"start": 0, "end": 5, "label": "EMAIL_ADDRESS"}]')
        yield Sample(number, text, tuple(_span(span, index, len(text), wrong) for index, span in enumerate(spans)))


def _span(span: Any, index: int, length: int, wrong: Callable[[str, str, str], LabelledError]) -> tuple[int, int, str]:
    place = f"spans[{index}]"
    if not isinstance(span, dict):
        raise wrong(place, "is no object", 'write {"start": 0, "end": 5, "label": "EMAIL_ADDRESS"}')
    ends: list[int] = []
    for name in ("start", "end"):
        value = span.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(f"{place}.{name}", "is no number", "write a count of characters")
        ends.append(value)
    (start, end), label = ends, span.get("label")
    if not isinstance(label, str) or not label:
        raise wrong(f"{place}.label", "is no text", "write a detector's name, e.g. EMAIL_ADDRESS")
    if not 0 <= start < end <= length:
        raise wrong(place, f"is not within the text of {length} characters", "correct start and end")
    return start, end, label


def labels_of(detector: str, mapped: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The labels that a detector's findings count for: its name, the name's end, and those mapped to it.

    ``mapped`` has labels by detector. A mapped detector counts for these labels only.
    """
    return mapped.get(detector) or frozenset({detector, detector.partition("/")[2]})


def evaluate(samples: Iterable[Sample], find: Find, mapped: Mapping[str, frozenset[str]] | None = None) -> Evaluation:
    """Hold what ``find`` finds in each text against what is marked in it.

    A marked span is found when findings of its label cover at least COVER_MIN of it. A finding is right when it covers
    as much of a marked span of its label; where it covers one of another label only, it is a false find of its own.
    Only labels that the file marks, and detectors that count for none of them, appear in the outcome.
    """
    outcome = Evaluation()
    kept = list(samples)
    known = {label for sample in kept for _, _, label in sample.spans}
    for sample in kept:
        outcome.texts += 1
        outcome.chars += len(sample.text)
        made = [(found, labels_of(found.detector, mapped or {})) for found in find(sample.text)]
        for start, end, name in sample.spans:
            label = outcome.labels.setdefault(name, Label())
            if _covered(start, end, [found for found, labels in made if name in labels]):
                label.found += 1
            else:
                label.missed += 1
                _keep(label.misses, Span(sample.line, start, end))
        for found, labels in made:
            right = [n for s, e, n in sample.spans if n in labels and _covered(s, e, [found])]
            name = min(right or labels & known or {found.detector})
            label = outcome.labels.setdefault(name, Label())
            if right:
                label.right += 1
            else:
                label.wrong += 1
                _keep(label.false, Span(sample.line, found.start, found.end, found.detector))
    return outcome


def _covered(start: int, end: int, findings: Sequence[Finding]) -> bool:
    covered, last = 0, start
    for found in sorted(findings, key=lambda found: found.start):
        begin, stop = max(found.start, last), min(found.end, end)
        if stop > begin:
            covered += stop - begin
            last = stop
    return covered >= COVER_MIN * (end - start)


def _keep(spans: list[Span], span: Span) -> None:
    if len(spans) < SPANS_KEPT_MAX:
        spans.append(span)
