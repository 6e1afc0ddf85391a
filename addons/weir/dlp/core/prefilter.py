"""Says in one pass which patterns can match a text at all, and where, so that only those are run, and only there.

All patterns stand, weakened (see relax.py), in one Hyperscan database. A pattern that Hyperscan does not take is
reported for every text: slower, never blind.

A search by Hyperscan can't be interrupted, and what it needs for a byte may grow with the text. So a long text goes
through in windows, with a look at the clock between them. Each pattern is then cut down to a beginning that fits into
what two windows have in common: no match can fall between them.

Most texts have a few places, hostile ones may have one at every byte and pattern. When there are too many, the text
is looked at once more for which patterns match alone, and these are run over all of it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import hyperscan

from weir.dlp.core.compiled import ANALYSER_ERRORS, Store, compiled
from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.core.reach import reach_of
from weir.dlp.core.relax import Unrelaxable, relax
from weir.frozen import quick

__all__ = ["ANALYSER_ERRORS", "OVERLAP_CHARS", "WINDOW_BYTES", "Located", "Prefilter", "Source"]

WINDOW_BYTES = 256 * 1024
OVERLAP_CHARS = 8 * 1024
_OVERLAP_BYTES = 4 * OVERLAP_CHARS  # a character has at most four bytes
_PLACES_BASE = 2000  # places in one window: above what text has that is dense with findings
_BYTES_A_PLACE = 16
_FEW = 64  # places that are looked at in a hurry
_PLACES_MAX = 60_000  # in a text of any length: each takes some 100 bytes
_SHORT_BYTES = 16 * 1024

_FLAGS: int = hyperscan.HS_FLAG_DOTALL
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))


@dataclass(frozen=True, slots=True)
class Source:
    """One pattern: its text and the `re` flags it is compiled with.

    ``shape_of`` names the pattern that this one stands for, where every match of that one holds a match of this one:
    the places found are then that pattern's.
    """

    pattern: str
    flags: int = 0
    shape_of: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Located:
    """Items that may match a text, and for each pattern (by its source) the places, if these could be kept."""

    items: frozenset[int]
    places: Mapping[str, Sequence[int]] = field(default_factory=dict)  # characters, in order


class Prefilter:
    """An immutable list of items, each a set of patterns that must all match. Safe to use from several threads."""

    def __init__(self, items: Sequence[Sequence[Source]], store: Store | None = None) -> None:
        """What ``store`` holds is not compiled again."""
        self._items = items
        self._store = store
        self._net = _Net(items, store=store)
        self.always = self._net.always
        # Compiling takes a few tenths of a second, and texts that are long or hostile are rare: not at start.
        self._made: dict[bool, _Net] = {}
        self._lock = threading.Lock()
        self._warm: threading.Event | None = None  # set when what `warm` makes is there

    def warm(self) -> None:
        """Compile now what only hostile and long texts need. Short ones go on meanwhile, others wait for it."""
        self._warm = done = threading.Event()
        try:
            for single in (True, False):
                self._compiled(single)
        finally:
            done.set()

    def hits(self, text: str, deadline: Deadline | None = None) -> frozenset[int]:
        """Indexes of the items that may match ``text``: a superset of those that do.

        Raises one of ANALYSER_ERRORS when Hyperscan fails, and OutOfTime.
        """
        # Lone surrogates are legal in JSON strings; they need only become some high bytes here.
        return self.locate(text.encode("utf-8", "surrogatepass"), deadline).items

    def locate(self, data: bytes, deadline: Deadline | None = None) -> Located:
        """The items that may match the text with these UTF-8 bytes, and where. Raises as `hits` does."""
        if len(data) <= WINDOW_BYTES:
            found = self._net.scan(data, _PLACES_BASE + len(data) // _BYTES_A_PLACE)
            if found is None:
                return Located(self._crowded(data, deadline))
            return self._net.located(found, data)
        net = self._long(deadline, single=False)
        places: list[tuple[int, int]] = []
        for begin, window in _windows(data):
            if deadline is not None:
                deadline.left()
            found = net.scan(window, _PLACES_BASE + len(window) // _BYTES_A_PLACE)
            if found is None or len(places) + len(found) > _PLACES_MAX:
                return Located(self._crowded(data, deadline))
            places += ((number, begin + end) for number, end in found)
        return net.located(places, data)

    def is_idle(self, data: bytes) -> bool:
        """Whether no item may match the text with these UTF-8 bytes, as far as a few places show it. Raises one of
        ANALYSER_ERRORS."""
        found = None if self.always or len(data) > WINDOW_BYTES else self._net.scan(data, _FEW)
        return found is not None and not self._net.items({number for number, _ in found})

    def _crowded(self, data: bytes, deadline: Deadline | None) -> frozenset[int]:
        """The items alone, for a text that has too many places."""
        if len(data) <= _SHORT_BYTES and True not in self._made:
            return frozenset(range(len(self._items)))  # sooner done than compiling, which must not hold up the loop
        net = self._long(deadline, single=True)
        numbers: set[int] = set()
        for _begin, window in _windows(data):
            if deadline is not None:
                deadline.left()
            numbers.update(number for number, _ in net.scan(window, sys.maxsize) or ())
        return net.items(numbers)

    def _long(self, deadline: Deadline | None, *, single: bool) -> _Net:
        """A net for what is long or hostile. Raises OutOfTime when it is being made and that takes too long."""
        net = self._made.get(single)
        if net is not None:
            return net
        warm = self._warm
        if warm is not None and not warm.wait(None if deadline is None else deadline.left()):
            raise OutOfTime("the prefilter was not ready in time")
        return self._compiled(single)

    def _compiled(self, single: bool) -> _Net:
        with self._lock:
            net = self._made.get(single)
            if net is None:
                net = self._made[single] = _Net(self._items, OVERLAP_CHARS, single=single, store=self._store)
            return net


def _windows(data: bytes) -> Iterator[tuple[int, bytes]]:
    """``data`` in windows that have `_OVERLAP_BYTES` in common, each with where it begins."""
    for begin in range(0, max(1, len(data) - _OVERLAP_BYTES), WINDOW_BYTES - _OVERLAP_BYTES):
        yield begin, data[begin : begin + WINDOW_BYTES]


class _Net:
    """One database and what its hits mean. With ``chars_max`` every pattern is cut down to fit into so many.

    With ``single`` it tells of each pattern only that it matches.
    """

    def __init__(
        self,
        items: Sequence[Sequence[Source]],
        chars_max: int | None = None,
        *,
        single: bool = False,
        store: Store | None = None,
    ) -> None:
        expressions: dict[int, tuple[bytes, int]] = {}
        self._sources = [source.shape_of or source.pattern for item in items for source in item]
        # Places are of use for an item's first pattern, which it runs, if its reach is bounded. Of the others, and of
        # the words that must stand near, one is enough.
        placed = [not at and reach_of(s.pattern, s.flags) is not None for item in items for at, s in enumerate(item)]
        for number, source in enumerate(source for item in items for source in item):
            try:
                relaxed, ignore_case = relax(source.pattern, source.flags, chars_max)
            except Unrelaxable:
                continue  # runs on every text, see `always`
            flags = _FLAGS | (hyperscan.HS_FLAG_CASELESS if ignore_case else 0)
            flags |= hyperscan.HS_FLAG_SINGLEMATCH if single or not placed[number] else 0
            expressions[number] = (relaxed.encode("ascii"), flags)
        made = compiled(expressions, store)
        self._made = made  # in use as long as this is
        self._database, accepted = made.database, made.accepted
        # A pattern that stands here twice has its places told by both, or by neither.
        self._placeless = {
            source
            for number, source in enumerate(self._sources)
            if single or not placed[number] or number not in accepted
        }
        # For each pattern the item it counts for, and for each item how many of its patterns must match.
        self._item_of = [index for index, item in enumerate(items) for _ in item]
        self._needed = [0] * len(items)
        for number in accepted:
            self._needed[self._item_of[number]] += 1
        self.always = frozenset(index for index, needed in enumerate(self._needed) if not needed)
        self._threads = threading.local()

    def scan(self, data: bytes, places_max: int) -> list[tuple[int, int]] | None:
        """Number and place (bytes) of every match in ``data``; None when there are more than ``places_max``."""
        found: list[tuple[int, int]] = []
        if self._database is None or not data:
            return found

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
            found.append((number, end))
            return True if len(found) > places_max else None

        try:
            self._database.scan(data, match_event_handler=note, scratch=self._scratch())
        except hyperscan.ScanTerminated:
            if len(found) > places_max:
                return None
            raise  # it was not we who ended it
        return found

    def items(self, numbers: set[int]) -> frozenset[int]:
        """The items all of whose patterns are among ``numbers``, and those that always count."""
        if not numbers:
            return self.always
        needed = dict[int, int]()
        for number in numbers:
            index = self._item_of[number]
            needed[index] = needed.get(index, self._needed[index]) - 1
        return self.always.union(index for index, missing in needed.items() if missing <= 0)

    def located(self, found: Sequence[tuple[int, int]], data: bytes) -> Located:
        """What the places ``found`` in ``data`` mean."""
        if not found:
            return Located(self.always)
        wanted = self.items({number for number, _ in found})
        kept = sorted({(end, self._sources[number]) for number, end in found if self._item_of[number] in wanted})
        places: dict[str, list[int]] = {}
        plain = data.isascii()
        at = characters = 0
        for end, source in kept:
            if not plain:
                # A place may be inside a character: the one that begins there is not counted.
                characters += len(data[at:end].translate(None, _CONTINUATION_BYTES))
                at = end
            if source not in self._placeless:
                places.setdefault(source, []).append(end if plain else characters)
        return Located(wanted, places)

    def _scratch(self) -> hyperscan.Scratch:
        scratch: hyperscan.Scratch | None = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(self._database)
        return scratch
