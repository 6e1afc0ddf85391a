"""Word lists as patterns: whole words, thousands of them, at a cost that hardly grows with the list.

An alternation of a thousand words takes a second a megabyte, because every word is tried at every place. Here the
text is cut into its words once and those are looked up; only where the first word of an entry stands is the entry
compared as a whole.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weir.dlp.core.patterns import Match

__all__ = ["CHARS_MAX", "CHARS_MIN", "WordPattern", "word_problem"]

CHARS_MIN = 2  # a single letter stands in every text; C++ does not
CHARS_MAX = 100

_TOKEN = re.compile(r"[^\W_]+")
_GAP = re.compile(r"[\s_-]+")
# Scripts that put no space between words, or hang endings on them: there an entry is found inside a word as well.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_STRETCH_CHARS = 64 * 1024  # between two looks at the clock
_GATE_CHARS_MAX = 2000  # Hyperscan needs a second to compile longer lists, and gains nothing from them
_NAMED = r"\L<words>"  # how `regex` writes a named list; the prefilter has no form for it and lets every text pass


@dataclass(frozen=True, slots=True)
class _Found:
    begin: int
    stop: int

    def span(self, group: int = 0, /) -> tuple[int, int]:
        return self.begin, self.stop

    def start(self) -> int:
        return self.begin

    def end(self) -> int:
        return self.stop


def word_problem(word: str) -> str:
    """Why ``word`` can't be an entry of a list ("" when it can). The answer does not quote it."""
    if len(word.strip(" _-")) < CHARS_MIN or _TOKEN.search(word) is None:
        return f"has fewer than {CHARS_MIN} characters, or no letter and no digit"
    return f"is longer than {CHARS_MAX} characters" if len(word) > CHARS_MAX else ""


class WordPattern:
    """A `weir.dlp.core.patterns.Pattern` that matches the entries of a list as whole words. Immutable, safe in threads.

    An underscore ends a word, as in ``falcon_api``. A space in an entry stands for up to four blanks, line breaks,
    hyphens or underscores. ``pattern`` is what may stand in a text for this to match, not what it matches.
    """

    groups = 0
    flags = 0

    def __init__(self, words: Iterable[str], case: bool = False) -> None:
        entries = sorted({word.strip(" _-") for word in words}, key=lambda word: (-len(word), word))
        self.count = len(entries)
        self._case = case
        self._flags = 0 if case else re.IGNORECASE
        self._inner = tuple(self._fold(entry) for entry in entries if _UNSPACED.search(entry))
        # By the first word: what may stand there, longest first, as source and how far before that word it begins.
        self._entries: dict[str, list[tuple[str, int]]] = {}
        for entry in entries:
            if not _UNSPACED.search(entry):
                first = _TOKEN.search(entry)
                if first is None:
                    raise ValueError("an entry has no letter or digit: leave it out")
                self._entries.setdefault(self._fold(first[0]), []).append((_source(entry), first.start()))
        self._compiled: dict[str, re.Pattern[str]] = {}  # filled as entries are met: most never are
        gate = "|".join(_source(entry) for entry in entries)
        mode = "" if case else "i"
        self.pattern = f"(?{mode}:{gate})" if 0 < len(gate) <= _GATE_CHARS_MAX else _NAMED

    def finditer(
        self, string: str, /, *, pos: int | None = None, endpos: int | None = None, timeout: float | None = None
    ) -> Iterator[Match]:
        """Matches by stretches of the text; raises TimeoutError after ``timeout`` seconds."""
        end = len(string) if endpos is None else min(endpos, len(string))
        late = None if timeout is None else time.monotonic() + timeout
        begin = pos or 0
        while begin < end:
            stop = _next_gap(string, min(begin + _STRETCH_CHARS, end), end)
            folded = self._fold(string[begin:stop])
            if not self._entries.keys().isdisjoint(_TOKEN.findall(folded)):
                yield from self._whole(string, begin, stop, end)
            for entry in self._inner:
                if entry in folded:
                    for match in self._pattern(re.escape(entry)).finditer(string, begin, stop):
                        yield _Found(*match.span())
            if late is not None and time.monotonic() > late:
                raise TimeoutError("the search for words ran out of time")
            begin = stop

    def _whole(self, string: str, begin: int, stop: int, end: int) -> Iterator[Match]:
        reached = begin
        for token in _TOKEN.finditer(string, begin, stop):
            if token.start() < reached:
                continue
            for source, lead in self._entries.get(self._fold(token[0]), ()):
                at = token.start() - lead
                match = self._pattern(source).match(string, at, end) if at >= 0 else None
                if match is not None:
                    reached = match.end()
                    yield _Found(at, reached)
                    break

    def _pattern(self, source: str) -> re.Pattern[str]:
        pattern = self._compiled.get(source)
        if pattern is None:
            pattern = self._compiled[source] = re.compile(source, self._flags)
        return pattern

    def _fold(self, text: str) -> str:
        return text if self._case else text.lower()


def _source(entry: str) -> str:
    """The pattern of one entry. It ends where a word ends, unless the entry itself ends in a sign, as ``C++``."""
    body = r"[\s_-]{1,4}".join(re.escape(part) for part in _GAP.split(entry))
    begins = "" if _UNSPACED.search(entry) or not entry[0].isalnum() else r"(?<![^\W_])"
    ends = "" if _UNSPACED.search(entry) or not entry[-1].isalnum() else r"(?![^\W_])"
    return f"{begins}{body}{ends}"


def _next_gap(string: str, at: int, end: int) -> int:
    """Where the word that ``at`` stands in ends: a stretch never ends inside one."""
    if at >= end:
        return end
    gap = re.compile(r"[\W_]").search(string, at, end)
    return end if gap is None else gap.start() + 1
