"""The one door to the `regex` library: typed, and every search under a deadline.

`re` cannot be interrupted; a hostile text would hold a worker for minutes. `regex` can, and here a search that runs
out of time raises: a pattern that was not run to its end must never look like a pattern that found nothing. Inside one
search `regex` counts the processor time of the whole process, so on a machine that is busy with other things a search
may end later than asked, though it never works longer.

Where the prefilter has told at which places of a text a pattern may match (`Marked`), the pattern is run around these
places only. The matches are the same, because each contains such a place and is no longer than the pattern's reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import regex  # type: ignore[import-untyped, unused-ignore]

from weir.dlp.core.reach import Reach, reach_of

__all__ = [
    "DOTALL", "IGNORECASE", "MULTILINE", "Deadline", "Later", "Marked", "Match", "OutOfTime", "Pattern",
    "compile_pattern", "stretches",
]  # fmt: skip

IGNORECASE: int = int(regex.IGNORECASE)
MULTILINE: int = int(regex.MULTILINE)
DOTALL: int = int(regex.DOTALL)


class OutOfTime(TimeoutError):
    """The time given to one scan is used up. It carries no text."""


class Match(Protocol):
    """The part of a `regex` match that detectors use; offsets are characters."""

    def span(self, group: int = 0, /) -> tuple[int, int]:
        """Start and end of ``group``; (-1, -1) when the group took no part."""
        ...

    def start(self) -> int:
        """Start of the whole match."""
        ...

    def end(self) -> int:
        """End of the whole match."""
        ...


class Pattern(Protocol):
    """The part of a compiled `regex` pattern that detectors use."""

    @property
    def pattern(self) -> str:
        """The source it was compiled from."""
        ...

    @property
    def flags(self) -> int:
        """Its flags, the library's defaults included."""
        ...

    @property
    def groups(self) -> int:
        """Number of capture groups."""
        ...

    def finditer(
        self, string: str, /, *, pos: int | None = None, endpos: int | None = None, timeout: float | None = None
    ) -> Iterator[Match]:
        """Matches from left to right; raises TimeoutError after ``timeout`` seconds."""
        ...


class Deadline:
    """Time that one scan may use. Reading ``left`` when it is used up raises OutOfTime.

    By default wall time: the clock of a thread is a system call, which costs more than most scans and gives up the
    interpreter lock. ``clock`` may be ``time.thread_time`` all the same where a busy machine must not shorten the
    time; such a deadline is read in the thread that made it. A deadline ``within`` another never outlasts it.
    """

    __slots__ = ("_clock", "_end", "_within")

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic, *, within: Deadline | None = None
    ) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._within = within

    def left(self) -> float:
        """Seconds left, always positive. Raises OutOfTime when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise OutOfTime("the scan ran out of time")
        return left if self._within is None else min(left, self._within.left())

    def give(self, seconds: float) -> None:
        """Give ``seconds`` back: they went into something else than the scan."""
        self._end += seconds

    def spent(self) -> bool:
        """True when no time is left."""
        return self._end <= self._clock() or (self._within is not None and self._within.spent())


class Marked(str):
    """A text, and for each pattern (by its source) the places in it that lie in or at the end of every match.

    A pattern without places here is run over the whole text. Slices are plain texts.
    """

    __slots__ = ("places",)
    places: Mapping[str, Sequence[int]]  # characters, from left to right

    def __new__(cls, text: str, places: Mapping[str, Sequence[int]]) -> Marked:
        """``text`` with its ``places``."""
        made = super().__new__(cls, text)
        made.places = places
        return made


def stretches(text: str, source: str, before: int, after: int) -> Iterator[tuple[int, int]]:
    """Where in ``text`` to look for ``source``: spans that reach ``before`` and ``after`` its places, none touching.

    The whole text when its places are not known.
    """
    places = text.places.get(source) if isinstance(text, Marked) else None
    if places is None:
        yield 0, len(text)
        return
    if not places:
        return
    begin, end = max(0, places[0] - before), places[0] + after
    for place in places:
        if place - before > end:
            yield begin, end
            begin = place - before
        end = place + after
    yield begin, min(len(text), end)


class _Reaching:
    """A compiled pattern that is run around its places where they are known. The matches are the same."""

    __slots__ = ("_compiled", "_reach", "flags", "groups", "pattern")

    def __init__(self, compiled: Pattern, reach: Reach) -> None:
        self._compiled = compiled
        self._reach = reach
        self.pattern, self.flags, self.groups = compiled.pattern, compiled.flags, compiled.groups

    def finditer(
        self, string: str, /, *, pos: int | None = None, endpos: int | None = None, timeout: float | None = None
    ) -> Iterator[Match]:
        """Matches from left to right; raises TimeoutError after ``timeout`` seconds."""
        marked = isinstance(string, Marked) and self.pattern in string.places
        if marked and pos is None and endpos is None:
            return self._around(string, timeout)
        return self._compiled.finditer(string, pos=pos, endpos=endpos, timeout=timeout)

    def _around(self, text: str, timeout: float | None) -> Iterator[Match]:
        deadline = None if timeout is None else Deadline(timeout)
        done, width = 0, self._reach.match
        for begin, end in stretches(text, self.pattern, width, width + self._reach.ahead):
            left = None if deadline is None else deadline.left()
            # From where the last match ended, as one search over the whole text would go on.
            for match in self._compiled.finditer(text, pos=max(begin, done), endpos=end, timeout=left):
                done = match.end()
                yield match


class Later:
    """A pattern that is known to be sound, compiled when it is first run: most of them never are.

    Compiling hundreds takes some tenths of a second, one alone a millisecond or less.
    """

    __slots__ = ("_compiled", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._compiled: Pattern | None = None

    def ready(self) -> Pattern:
        """The compiled pattern."""
        # Two threads at once compile it twice, to the same.
        if self._compiled is None:
            self._compiled = compile_pattern(self.pattern)
        return self._compiled

    @property
    def flags(self) -> int:
        """Its flags, the library's defaults included."""
        return self.ready().flags

    @property
    def groups(self) -> int:
        """Number of capture groups."""
        return self.ready().groups

    def finditer(
        self, string: str, /, *, pos: int | None = None, endpos: int | None = None, timeout: float | None = None
    ) -> Iterator[Match]:
        """Matches from left to right; raises TimeoutError after ``timeout`` seconds."""
        return self.ready().finditer(string, pos=pos, endpos=endpos, timeout=timeout)


def compile_pattern(source: str, flags: int = 0) -> Pattern:
    """Compile ``source``. Raises ValueError naming the fault and its position, never anything else.

    Of a `Marked` text only the surroundings of this pattern's places are searched, where its reach is bounded.
    """
    try:
        compiled: Pattern = regex.compile(source, flags=flags)
    except regex.error as error:
        raise ValueError(f"not a valid pattern: {error}") from None
    reach = reach_of(source, flags & (IGNORECASE | MULTILINE | DOTALL))
    return compiled if reach is None else _Reaching(compiled, reach)
