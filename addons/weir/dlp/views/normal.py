"""A text with its spelling tricks undone: digits plain, invisible characters gone, look-alikes read as ASCII.

Offsets in the view lead back to the text, so that what is found there is masked where it stands.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

from weir.dlp.core.patterns import Deadline
from weir.dlp.views.alike import LOOK_ALIKES, fold
from weir.dlp.views.view import View

__all__ = ["normalised_view"]

# Default_Ignorable_Code_Point (Unicode 16, DerivedCoreProperties): nothing is drawn for them, so they cut a key in
# two without a trace. Unassigned ones are in it too, as fonts are asked to draw nothing for these either.
_IGNORABLE_RANGES = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
_IGNORABLE = frozenset(code for first, last in _IGNORABLE_RANGES for code in range(first, last + 1))
# Control and format characters, and halves of a pair. U+FFFD is what a JSON reader makes of such a half.
_INVISIBLE_CATEGORIES = ("Cc", "Cf", "Cs")
_REPLACEMENT = "\ufffd"
_LAYOUT = "\t\n\r"  # control characters that are seen
_PLAIN = frozenset(_LAYOUT) | {chr(code) for code in range(32, 127)}
_CONTROL_BYTES = bytes(code for code in (*range(32), 127) if chr(code) not in _LAYOUT)
_ASCII_CONTROL = re.compile(f"[{re.escape(_CONTROL_BYTES.decode())}]")
# What NFKC leaves alone although it reads, or matches without regard to case, as an ASCII character.
_ALIKE = {"ı": "i", "İ": "I", "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "․": ".", "。": "."}
_FEW = 12  # different characters
_WINDOW_CHARS = 32_768  # between two looks at the clock


class _Windows:
    """Where the characters of a normal reading come from, window by window of ``source``."""

    __slots__ = ("_origins", "_source", "_starts")

    def __init__(self, source: str, starts: Sequence[int]) -> None:
        """``starts`` are the places at which the reading of each window of ``source`` begins."""
        self._source = source
        self._starts = starts
        self._origins: dict[int, array[int]] = {}

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The smallest stretch of the source, invisible characters at its edges left out."""
        return self._origin(start), self._origin(end - 1) + 1

    def _origin(self, place: int) -> int:
        number = bisect_right(self._starts, place) - 1
        begin = number * _WINDOW_CHARS
        origins = self._origins.get(number)
        if origins is None:
            window = self._source[begin : begin + _WINDOW_CHARS]
            readings = _readings(window)
            origins = self._origins[number] = array("H")
            for at, character in enumerate(window):
                for _ in readings.get(character, character):
                    origins.append(at)
        return begin + origins[place - self._starts[number]]


def normalised_view(text: str, deadline: Deadline | None = None) -> View | None:
    """The view of ``text``, or None when it would read the same. Raises OutOfTime.

    A text in ASCII is looked through only for control characters, the fastest way there is: most texts hold none.
    """
    if text.isascii() and _read_window(text) is text:
        return None
    parts: list[str] = []
    starts: list[int] = []
    length, changed = 0, False
    for begin in range(0, len(text), _WINDOW_CHARS):
        if deadline is not None:
            deadline.left()
        window = text[begin : begin + _WINDOW_CHARS]
        reading = _read_window(window)
        changed = changed or reading is not window
        parts.append(reading)
        starts.append(length)
        length += len(reading)
    return View("".join(parts), "normal", _Windows(text, starts)) if changed else None


def _read_window(window: str) -> str:
    """How ``window`` is read: the very same object where nothing changes."""
    if window.isascii():
        data = window.encode("ascii")
        kept = data.translate(None, _CONTROL_BYTES)
        return window if len(kept) == len(data) else kept.decode("ascii")
    strange = set(window) - _PLAIN
    readings = {character: reading for character in strange if (reading := _read(character)) != character}
    alike = not strange.isdisjoint(LOOK_ALIKES) or any(map(LOOK_ALIKES.__contains__, readings.values()))
    if readings:
        window = _replaced(window, readings)
    return fold(window) if alike else window  # one character for one: offsets need not know of it


def _replaced(window: str, readings: dict[str, str]) -> str:
    if len(readings) <= _FEW and readings.keys().isdisjoint("".join(readings.values())):
        for character, reading in readings.items():  # ten times as fast as a table, for a dash here and there
            window = window.replace(character, reading)
        return window
    return window.translate({ord(character): reading for character, reading in readings.items()})


def _readings(window: str) -> dict[str, str]:
    """The characters of ``window`` that are not read as they stand, and how they are."""
    if window.isascii():
        return dict.fromkeys(_ASCII_CONTROL.findall(window), "")
    return {character: reading for character in set(window) - _PLAIN if (reading := _read(character)) != character}


@lru_cache(maxsize=4096)
def _read(character: str) -> str:
    if (
        ord(character) in _IGNORABLE
        or character == _REPLACEMENT
        or unicodedata.category(character) in _INVISIBLE_CATEGORIES
    ):
        return ""
    # A digit of any script: an SSN in Arabic-Indic digits is one.
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    reading = _ALIKE.get(character) or unicodedata.normalize("NFKC", character)
    # A longer reading without ASCII can't complete anything, and one character can stand for eighteen of them.
    if len(reading) > 1 and not any("!" <= part <= "~" for part in reading):
        return character
    return reading
