"""The one door to the `regex` library: typed, and every search under a deadline.

`re` cannot be interrupted; a hostile text would hold a worker for minutes. `regex` can, and here a search that runs
out of time raises: a pattern that was not run to its end must never look like a pattern that found nothing. Inside one
search `regex` counts the processor time of the whole process, so on a machine that is busy with other things a search
may end later than asked, though it never works longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import regex  # type: ignore[import-untyped, unused-ignore]

__all__ = ["DOTALL", "IGNORECASE", "MULTILINE", "Deadline", "Match", "OutOfTime", "Pattern", "compile_pattern"]

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

    def spent(self) -> bool:
        """True when no time is left."""
        return self._end <= self._clock() or (self._within is not None and self._within.spent())


def compile_pattern(source: str, flags: int = 0) -> Pattern:
    """Compile ``source``. Raises ValueError naming the fault and its position, never anything else."""
    try:
        compiled: Pattern = regex.compile(source, flags=flags)
    except regex.error as error:
        raise ValueError(f"not a valid pattern: {error}") from None
    return compiled
