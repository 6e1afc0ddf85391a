"""A reading of a text and the way back: every character of a view leads to the stretch of the text it was read from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["SEPARATOR", "Parts", "Piece", "Spans", "Straight", "View", "Whole", "pool"]

# Between readings that stand in one view only to be scanned in one go. A line of its own, with a sign that is part of
# no value worth finding, so that no pattern takes two readings for one.
SEPARATOR = "\n~\n"


class Spans(Protocol):
    """Where the characters of a reading come from."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The smallest stretch of the source that ``start`` to ``end`` (not empty) was read from."""
        ...


@dataclass(slots=True)
class Straight:
    """Characters that stand in the source as they are, from ``begin`` on."""

    begin: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The same characters in the source."""
        return self.begin + start, self.begin + end


@dataclass(slots=True)
class Whole:
    """A reading whose every character needs all of the source's stretch: what was compressed."""

    begin: int
    end: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The whole stretch, whatever was asked for."""
        return self.begin, self.end


class Parts:
    """Readings one after the other. What lies between two of them counts as the end of the one before."""

    __slots__ = ("_lengths", "_spans", "_starts")

    def __init__(self, starts: Sequence[int], lengths: Sequence[int], spans: Sequence[Spans]) -> None:
        """``starts`` and ``lengths`` (none 0) are of the view; ``spans`` lead from there into the source."""
        self._starts = starts
        self._lengths = lengths
        self._spans = spans

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From the first part touched to the last one."""
        first, at = self._part(start)
        last, until = self._part(end - 1)
        if first == last:
            return self._spans[first].span(at, until + 1)
        one, other = self._spans[first].span(at, self._lengths[first]), self._spans[last].span(0, until + 1)
        return min(one[0], other[0]), max(one[1], other[1])

    def _part(self, place: int) -> tuple[int, int]:
        number = bisect_right(self._starts, place) - 1
        return number, min(place - self._starts[number], self._lengths[number] - 1)


@dataclass(slots=True)
class Piece:
    """One stretch read differently, before it becomes part of a view."""

    kind: str
    text: str
    spans: Spans
    categories: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Piece({self.kind}, {len(self.text)} characters)"


class View:
    """A changed reading of a text.

    ``kind`` names what was undone, outermost first (``base64>gzip>url``). ``categories`` are those of the findings
    that may be looked for in it; () is all. Where characters come from is worked out only where somebody asks.
    """

    __slots__ = ("_base", "_spans", "categories", "kind", "text")

    def __init__(
        self, text: str, kind: str, spans: Spans, base: View | None = None, categories: tuple[str, ...] = ()
    ) -> None:
        """``spans`` lead into the text of ``base``, or into the original where there is none."""
        self.text = text
        self.kind = kind
        self.categories = categories
        self._spans = spans
        self._base = base

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original text that ``start`` to ``end`` (not empty) of the view was read from."""
        begin, until = self._spans.span(start, end)
        return (begin, until) if self._base is None else self._base.origin(begin, until)

    def over(self, base: View) -> View:
        """This view as one of ``base``, whose text it was made from; it keeps the name and limits of that."""
        return View(self.text, base.kind, self._spans, base, base.categories)

    def __repr__(self) -> str:
        return f"View({self.kind}, {len(self.text)} characters)"


def pool(pieces: Sequence[Piece], kind: str, base: View | None) -> View:
    """One view of all ``pieces`` (of the same kind), a separator between them."""
    categories = pieces[0].categories or (base.categories if base is not None else ())
    if len(pieces) == 1:
        return View(pieces[0].text, kind, pieces[0].spans, base, categories)
    starts: list[int] = []
    length = 0
    for piece in pieces:
        starts.append(length)
        length += len(piece.text) + len(SEPARATOR)
    spans = Parts(starts, [len(piece.text) for piece in pieces], [piece.spans for piece in pieces])
    return View(SEPARATOR.join(piece.text for piece in pieces), kind, spans, base, categories)
