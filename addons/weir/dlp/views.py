"""A second view of a text for detectors that know ASCII: full-width digits made plain, invisible characters gone.

Offsets in the view lead back to the text, so that what is found there is masked where it stands.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

__all__ = ["View", "normalised_view"]

# Zero-width and direction marks, soft hyphen, joiners, variation selectors: they cut a key in two without a trace.
_INVISIBLE = frozenset(
    {0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)}
    | {*range(0xFE00, 0xFE10), *range(0xE0000, 0xE01F0)}
)
# What NFKC leaves alone although it reads, or matches without regard to case, as an ASCII character.
_ALIKE = {"ı": "i", "İ": "I", "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "․": ".", "。": "."}


@dataclass(frozen=True, slots=True)
class View:
    """A changed reading of a text. ``starts`` has the place in the text of each of its characters; None: the same."""

    text: str
    starts: tuple[int, ...] | None = None

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span in the text that ``start`` to ``end`` (not empty) of the view was read from."""
        if self.starts is None:
            return start, end
        return self.starts[start], self.starts[end - 1] + 1


def normalised_view(text: str) -> View | None:
    """The view of ``text``, or None when it would read the same (always so for ASCII)."""
    if text.isascii():
        return None
    changed = {ord(character): reading for character in set(text) if (reading := _read(character)) != character}
    if not changed:
        return None
    viewed = text.translate(changed)
    if all(len(reading) == 1 for reading in changed.values()):
        return View(viewed)
    starts: list[int] = []
    for place, character in enumerate(text):
        starts += [place] * len(changed.get(ord(character), character))
    return View(viewed, tuple(starts))


def _read(character: str) -> str:
    if character.isascii():
        return character
    if ord(character) in _INVISIBLE:
        return ""
    # A digit of any script: an SSN in Arabic-Indic digits is one.
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return _ALIKE.get(character) or unicodedata.normalize("NFKC", character)
