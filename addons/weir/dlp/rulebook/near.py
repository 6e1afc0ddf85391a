"""A pattern that is run only near certain words: 40 letters and digits stand everywhere, a vendor's name does not.

The words alone are the gate for the prefilter. As a body of mere letters and digits matches at every second place of
program text, looking for it there would cost more than all other patterns together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from weir.dlp.core.patterns import Deadline, Match, Pattern
from weir.dlp.core.reach import Reach, reach_of

__all__ = ["NearPattern"]


class NearPattern:
    """A `Pattern` (`weir.dlp.core.patterns`): ``body``, where a keyword stands in or up to ``reach`` before a match.

    It may yield a match somewhat farther off: who runs it looks at the words around a match all the same.
    ``pattern`` is what must stand in a text for this to match; ``body.pattern`` is what is matched.
    """

    def __init__(self, body: Pattern, keywords: Sequence[str], reach: int) -> None:
        self.body = body
        self.pattern = f"(?i)(?:{'|'.join(re.escape(keyword) for keyword in keywords)})"
        self._keywords = tuple(keyword.lower() for keyword in keywords)
        self._reach = reach

    @property
    def flags(self) -> int:
        """The body's."""
        return self.body.flags

    @property
    def groups(self) -> int:
        """The body's."""
        return self.body.groups

    @cached_property
    def _width(self) -> Reach | None:
        return reach_of(self.body.pattern)

    def finditer(
        self, string: str, /, *, pos: int | None = None, endpos: int | None = None, timeout: float | None = None
    ) -> Iterator[Match]:
        """Matches from left to right; raises TimeoutError after ``timeout`` seconds."""
        lowered = string.lower()
        if self._width is None or pos is not None or endpos is not None or len(lowered) != len(string):
            return self.body.finditer(string, pos=pos, endpos=endpos, timeout=timeout)
        return self._around(string, self._stretches(lowered, self._width), timeout)

    def _around(self, text: str, stretches: list[tuple[int, int]], timeout: float | None) -> Iterator[Match]:
        deadline = None if timeout is None else Deadline(timeout)
        ahead = self._width.ahead if self._width is not None else 0
        done = 0
        for begin, end in stretches:
            left = None if deadline is None else deadline.left()
            for match in self.body.finditer(text, pos=max(begin, done), endpos=end, timeout=left):
                if match.end() + ahead > end < len(text):
                    continue  # out of reach of the word; what follows it was not looked at
                done = match.end()
                yield match

    def _stretches(self, lowered: str, width: Reach) -> list[tuple[int, int]]:
        """Where to look: from where a match that ends in the word begins, to the end of the last one in reach."""
        found: list[tuple[int, int]] = []
        for keyword in self._keywords:
            at = lowered.find(keyword)
            while at >= 0:
                behind = at + self._reach + width.match + width.ahead
                found.append((max(0, at + len(keyword) - width.match), min(len(lowered), behind)))
                at = lowered.find(keyword, at + 1)
        found.sort()
        merged: list[tuple[int, int]] = []
        for begin, end in found:
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((begin, end))
        return merged
