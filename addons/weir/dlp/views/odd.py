"""Keys written backwards, in ROT13, or with something between all their characters; looked for only where one shows."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from weir.dlp.views.gate import SPACED, Gate
from weir.dlp.views.view import Piece, Straight

__all__ = ["SECRETS", "pieces_of"]

SECRETS = ("secret", "exact")  # no personal data is looked for in what a guess put together

_REACH = 512
_RUN = re.compile(r"[A-Za-z0-9_+/=.-]+")
_BACKWARDS = re.compile(r"-ks|_ks|A[IS]KA|_[pousr]hg|_tap_buhtig|azIA|-talpg|-[bpar]xox|_evil_|_ksg")
_ROT13 = re.compile(r"fx-|fx_|NXVN|NFVN|[tT]u[cbhfe]_|tvguho_cng_|NVmn|tycng-|kbk[bpc]-|tfx_|_yvir_")
_SPACED = re.compile(
    r"(?<![A-Za-z0-9_+/=-])[A-Za-z0-9_+/=-](?:([ .,|*\t\n:;])[A-Za-z0-9_+/=-](?:\1[A-Za-z0-9_+/=-]){14,})"
)
_LETTERS_MIN = 6  # a table of digits is no key


@dataclass(frozen=True, slots=True)
class _Backwards:
    """Characters in reverse; ``end`` is where the source's stretch ends."""

    end: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The same characters, counted from the end."""
        return self.end - end, self.end - start


@dataclass(frozen=True, slots=True)
class _EverySecond:
    """Characters that stand one apart, the first at ``begin``."""

    begin: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From the first one to the last one."""
        return self.begin + 2 * start, self.begin + 2 * end - 1


def pieces_of(text: str, gate: Gate) -> Iterator[Piece]:
    """What such stretches of ``text`` read."""
    if "reversed" in gate.marks:
        for begin, end in _runs(text, _BACKWARDS):
            yield Piece("reversed", text[begin:end][::-1], _Backwards(end), SECRETS)
    if "rot13" in gate.marks:
        for begin, end in _runs(text, _ROT13):
            yield Piece("rot13", codecs.encode(text[begin:end], "rot13"), Straight(begin), SECRETS)
    if "spaced" in gate.marks:
        yield from _spaced(text, gate.classes)


def _runs(text: str, needles: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """The words around each needle, no character in two of them."""
    place = 0
    while (match := needles.search(text, place)) is not None:
        low = max(place, match.start() - _REACH)
        back = _RUN.match(text[low : match.start()][::-1])
        begin = match.start() - (0 if back is None else back.end())
        forth = _RUN.match(text, match.start(), match.end() + _REACH)
        end = match.end() if forth is None else forth.end()
        yield begin, end
        place = end


def _spaced(text: str, classes: bytes) -> Iterator[Piece]:
    place = 0
    while (place := classes.find(SPACED, place)) >= 0:
        begin = place if _starts_word(text, place) else place + 2
        match = _SPACED.match(text, begin)
        if match is None:
            place += 2
            continue
        read = match[0][::2]
        if _letters(read) >= _LETTERS_MIN:
            yield Piece("spaced", read, _EverySecond(begin), SECRETS)
        place = match.end()


def _starts_word(text: str, place: int) -> bool:
    return place == 0 or not _RUN.match(text[place - 1])


def _letters(read: Collection[str]) -> int:
    return sum(character.isalpha() for character in read)
