"""Says in one pass which patterns can match a text at all, so that only those are run.

All patterns stand, weakened (see relax.py), in one Hyperscan database. A pattern that Hyperscan does not take is
reported for every text: slower, never blind.

A search by Hyperscan can't be interrupted, and what it needs for a byte may grow with the text. So a long text goes
through in windows, with a look at the clock between them. Each pattern is then cut down to a beginning that fits into
what two windows have in common: no match can fall between them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import hyperscan

from weir.dlp.patterns import Deadline
from weir.dlp.relax import Unrelaxable, relax

__all__ = ["ANALYSER_ERRORS", "OVERLAP_CHARS", "WINDOW_BYTES", "Prefilter", "Source"]

# What the scanning libraries are known to raise; whoever scans turns these into "not fully scanned".
ANALYSER_ERRORS: tuple[type[Exception], ...] = (hyperscan.error, hyperscan.HyperscanError)

WINDOW_BYTES = 256 * 1024
OVERLAP_CHARS = 8 * 1024
_OVERLAP_BYTES = 4 * OVERLAP_CHARS  # a character has at most four bytes

_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL


@dataclass(frozen=True, slots=True)
class Source:
    """One pattern: its text and the `re` flags it is compiled with."""

    pattern: str
    flags: int = 0


class Prefilter:
    """An immutable list of items, each a set of patterns that must all match. Safe to use from several threads."""

    def __init__(self, items: Sequence[Sequence[Source]]) -> None:
        self._net = _Net(items, None)
        self.always = self._net.always
        # Compiling takes a few tenths of a second, and long texts are rare: not at start.
        self._make_long = partial(_Net, items, OVERLAP_CHARS)
        self._long: _Net | None = None
        self._lock = threading.Lock()

    def hits(self, text: str, deadline: Deadline | None = None) -> frozenset[int]:
        """Indexes of the items that may match ``text``: a superset of those that do.

        Raises one of ANALYSER_ERRORS when Hyperscan fails, and OutOfTime.
        """
        # Lone surrogates are legal in JSON strings; they need only become some high bytes here.
        data = text.encode("utf-8", "surrogatepass")
        if len(data) <= WINDOW_BYTES:
            return self._net.items(self._net.scan(data))
        with self._lock:
            net = self._long = self._long or self._make_long()
        found: set[int] = set()
        for begin in range(0, len(data) - _OVERLAP_BYTES, WINDOW_BYTES - _OVERLAP_BYTES):
            if deadline is not None:
                deadline.left()
            found.update(net.scan(data[begin : begin + WINDOW_BYTES]))
        return net.items(found)


class _Net:
    """One database and what its hits mean. With ``chars_max`` every pattern is cut down to fit into so many."""

    def __init__(self, items: Sequence[Sequence[Source]], chars_max: int | None) -> None:
        expressions: dict[int, tuple[bytes, int]] = {}
        for number, source in enumerate(source for item in items for source in item):
            try:
                relaxed, ignore_case = relax(source.pattern, source.flags, chars_max)
            except Unrelaxable:
                continue  # runs on every text, see `always`
            flags = _FLAGS | (hyperscan.HS_FLAG_CASELESS if ignore_case else 0)
            expressions[number] = (relaxed.encode("ascii"), flags)
        self._database: hyperscan.Database | None = None
        accepted: set[int] = set()
        if expressions:
            self._database, accepted = _build(expressions)
        # For each pattern the item it counts for, and for each item how many of its patterns must match.
        self._item_of = [index for index, item in enumerate(items) for _ in item]
        self._needed = [0] * len(items)
        for number in accepted:
            self._needed[self._item_of[number]] += 1
        self.always = frozenset(index for index, needed in enumerate(self._needed) if not needed)
        self._threads = threading.local()

    def scan(self, data: bytes) -> list[int]:
        """Numbers of the patterns that match ``data``."""
        found: list[int] = []
        if self._database is None or not data:
            return found

        def note(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            found.append(number)

        self._database.scan(data, match_event_handler=note, scratch=self._scratch())
        return found

    def items(self, numbers: Sequence[int] | set[int]) -> frozenset[int]:
        """The items all of whose patterns are among ``numbers`` (each given once), and those that always count."""
        if not numbers:
            return self.always
        needed = dict[int, int]()
        for number in numbers:
            index = self._item_of[number]
            needed[index] = needed.get(index, self._needed[index]) - 1
        return self.always.union(index for index, missing in needed.items() if missing <= 0)

    def _scratch(self) -> hyperscan.Scratch:
        scratch: hyperscan.Scratch | None = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(self._database)
        return scratch


def _build(expressions: dict[int, tuple[bytes, int]]) -> tuple[hyperscan.Database | None, set[int]]:
    """One database of all expressions that Hyperscan takes, and their numbers."""
    database = _compile(expressions)
    if database is None:
        # Rare, and only at start: find the culprits one by one.
        expressions = {number: item for number, item in expressions.items() if _compile({number: item}) is not None}
        database = _compile(expressions) if expressions else None
    return database, set(expressions) if database is not None else set()


def _compile(expressions: dict[int, tuple[bytes, int]]) -> hyperscan.Database | None:
    database = hyperscan.Database()
    try:
        database.compile(
            expressions=[pattern for pattern, _ in expressions.values()],
            ids=list(expressions),
            elements=len(expressions),
            flags=[flags for _, flags in expressions.values()],
        )
    except ANALYSER_ERRORS:
        return None
    return database
