"""Texts that a secret may be split over, read as one: parts of a message, messages, members of an array, frames.

Read is only what stands around a seam that makes one word of a key's length out of two; most seams in prose make
none. For secrets only: two list items that make a card number by chance are not looked at.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise

from weir.frozen import quick
from weir.model import Segment

__all__ = ["CATEGORIES", "Joined", "joins"]

CATEGORIES = ("secret", "exact")
REACH = 256  # characters of a long text's beginning and end that count as its edge
_WINDOW = 2 * REACH
_BEFORE, _AFTER = 96, 32  # read with the word: the name of a value stands before it
_FEW, _SHORT, _CUTS_MAX = 6, 48, 400  # pieces, characters, runs
_WORD_MIN = 16  # characters: no shorter key is worth a guess
# What belongs to keys, tokens, and addresses that hold a password.
_WORD = re.compile(r"[A-Za-z0-9_+/=.:@%?&~$!#*-]+")
# An id of its own: read with one neighbour, and as part of the whole word, but no middle of a key cut in three.
_ID = re.compile(r"(?:[A-Za-z]{1,12}_)?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LOOSE = " \t\r\n\"'`…\u200b\u2060\ufeff"  # quotes and blanks at a seam are not part of the value


@quick
@dataclass(frozen=True, slots=True)
class _Edge:
    """What of one text takes part in a chain: ``text`` stands at ``begin`` in it."""

    segment: int
    begin: int
    text: str = field(repr=False)


@quick
@dataclass(frozen=True, slots=True)
class _Chain:
    """Edges in a row and where each starts."""

    edges: Sequence[_Edge]
    starts: Sequence[int]


@quick
@dataclass(frozen=True, slots=True)
class Joined:
    """A text over a seam. ``categories`` are those of the findings that may be looked for in it."""

    text: str = field(repr=False)
    chain: _Chain = field(repr=False)
    begin: int  # where in the chain
    categories: tuple[str, ...] = CATEGORIES

    def origin(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """Segment index, start and end in its text, for every segment that ``start`` to ``end`` touches, in order."""
        start, end = self.begin + start, self.begin + end
        edges, starts = self.chain.edges, self.chain.starts
        found: list[tuple[int, int, int]] = []
        for number in range(bisect_right(starts, start) - 1, len(edges)):
            edge, place = edges[number], starts[number]
            if place >= end:
                break
            until = min(end - place, len(edge.text))
            found.append((edge.segment, edge.begin + max(0, start - place), edge.begin + until))
        return found


def joins(segments: Sequence[Segment]) -> Iterator[Joined]:
    """The texts over all seams: between neighbours, and between those of one role that others stand between.

    Each is at most 512 characters long and depends only on what stands near its seam, so that in a chat which grows
    by a message the former ones stay the same. No text comes twice but from different seams.
    """
    order = [index for index, segment in enumerate(segments) if segment.text]
    ends = [_edges(index, segment.text) for index, segment in enumerate(segments)]
    known: set[tuple[int, int]] = set()
    yield from _over(ends, order, known)
    roles: dict[str, list[int]] = {}
    for index in order:
        roles.setdefault(segments[index].role, []).append(index)
    if len(roles) > 1:
        for indexes in roles.values():
            if len(indexes) > 1:
                yield from _over(ends, indexes, known)


def _over(ends: Sequence[Sequence[_Edge]], indexes: Sequence[int], known: set[tuple[int, int]]) -> Iterator[Joined]:
    """The joined texts over ``indexes`` in this order, but for those over seams that are ``known`` already."""
    for edges in _chains(ends, indexes):
        if len(edges) < 2:
            continue
        starts = [0, *accumulate(len(edge.text) for edge in edges)][: len(edges)]
        chain = _Chain(edges, starts)
        text = "".join(edge.text for edge in edges)
        for begin, end in _windows(text, starts):
            first, last = bisect_right(starts, begin) - 1, bisect_right(starts, end - 1) - 1
            if any((edges[n].segment, edges[n + 1].segment) not in known for n in range(first, last)):
                yield Joined(text[begin:end], chain, begin)
        known.update((one.segment, other.segment) for one, other in pairwise(edges))


def _chains(ends: Sequence[Sequence[_Edge]], indexes: Sequence[int]) -> Iterator[list[_Edge]]:
    """Texts in a row that may hold one secret: a long one ends a chain with its head and begins one with its tail."""
    chain: list[_Edge] = []
    for index in indexes:
        edges = ends[index]
        chain += edges[:1]
        if len(edges) > 1:
            yield chain
            chain = [edges[1]]
    yield chain


def _edges(index: int, text: str) -> tuple[_Edge, ...]:
    """What of a text takes part: nothing, all of it, or head and tail."""
    begin, end = _inner(text)
    if begin >= end:
        return ()
    if end - begin <= _WINDOW:
        return (_Edge(index, begin, text[begin:end]),)
    return _Edge(index, begin, text[begin : begin + REACH]), _Edge(index, end - REACH, text[end - REACH : end])


def _inner(text: str) -> tuple[int, int]:
    """Where ``text`` begins and ends without what is loose at its edges."""
    head, tail = text[:_WINDOW], text[-_WINDOW:]
    begin = len(head) - len(head.lstrip(_LOOSE))
    end = len(text) - (len(tail) - len(tail.rstrip(_LOOSE)))
    if end - begin > 3 and text.endswith("...", begin, end):
        end -= 3
    if end - begin > 3 and text.startswith("...", begin, end):
        begin += 3
    return begin, end


def _windows(text: str, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of ``text`` around the words that lie over a seam (a place in ``starts`` but the first)."""
    done = 0
    for seam in starts[1:]:
        if seam < done:
            continue
        back = _WORD.match(text[max(0, seam - REACH) : seam][::-1])
        forth = _WORD.match(text, seam)
        if back is None or forth is None:
            continue
        begin, end = seam - back.end(), forth.end()
        if end - begin < _WORD_MIN:
            continue
        done = end
        for place in range(begin, max(begin + 1, end - REACH), REACH):
            yield max(0, place - _BEFORE), min(len(text), place + _WINDOW - _BEFORE, end + _AFTER)
        seams = starts[bisect_right(starts, begin) : bisect_left(starts, end)]
        if len(seams) > 1:
            yield from _cut(text, [begin, *seams, end])


def _cut(text: str, bounds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The same word without texts at its ends: their letters would stand where a key's edge has to be.

    ``bounds`` are the word's ends and the seams in it. Runs of a few pieces, or of few characters, are looked at, so
    that what a chat adds to is not read anew, and of all of them no more than ``_CUTS_MAX``.
    """
    last = len(bounds) - 1
    ids = [0, *accumulate(_ID.fullmatch(text, one, other) is not None for one, other in pairwise(bounds))]
    for first, until in islice(_runs(bounds, ids), _CUTS_MAX):
        begin = bounds[first] if first else max(0, bounds[0] - _BEFORE)
        end = bounds[until] if until < last else min(len(text), bounds[last] + _AFTER)
        if end - begin <= _WINDOW:
            yield begin, end


def _runs(bounds: Sequence[int], ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of pieces (first and last bound) with a seam in them and a key's length, but not the whole word.

    ``ids`` says for each bound how many of the pieces before it are ids.
    """
    last = len(bounds) - 1
    for first in range(last - 1):
        for until in range(first + 2, last + 1):
            length = bounds[until] - bounds[first]
            if until - first > _FEW and length > _SHORT:
                break
            if until - first > 2 and ids[until] > ids[first]:
                break
            if length >= _WORD_MIN and (first or until < last):
                yield first, until
