"""Exact data match: finds the organisation's own values in a text, by nothing but keyed hashes of them.

A text goes through in windows. In each, all stretches of tokens that have the length and the number of digits of some
value are hashed and looked up at once (see exacthash.py); only what passes the quick filter is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weir.dlp.core.patterns import Deadline
from weir.dlp.core.prefilter import Source
from weir.dlp.exact.exactfile import SHAPE_STEP, Fingerprints, read_fingerprints
from weir.dlp.exact.exacthash import PROBES, SYMBOLS_MAX
from weir.dlp.exact.exacttext import CHARS_MAX, GAP_MAX, TOKENS_MAX, Ints, Tokens, spelled, tokens

__all__ = ["ExactDetector", "load_exact"]

WINDOW_CHARS = SYMBOLS_MAX
OVERLAP_CHARS = 512  # no value takes more, with all that may stand between its tokens
_Stretches = tuple[Ints, Ints]  # where each starts, and ends
assert CHARS_MAX + (TOKENS_MAX - 1) * GAP_MAX < OVERLAP_CHARS


def load_exact(path: Path, key: bytes) -> ExactDetector:
    """The detector for a fingerprint file; ``key`` is ``DataDir.secret("exact")`` of where it was made.

    Raises ExactFileError (a ValueError) for a file that is cut short, damaged, foreign or of another key, and OSError.
    """
    return ExactDetector(read_fingerprints(path, key))


@dataclass(frozen=True, slots=True)
class ExactDetector:
    """All columns of one fingerprint file."""

    fingerprints: Fingerprints = field(repr=False)

    @property
    def name(self) -> str:
        """exact/ and the file's label."""
        return f"exact/{self.fingerprints.header.label}"

    @property
    def severity(self) -> str:
        """High: somebody chose these values one by one."""
        return "high"

    @property
    def digest(self) -> str:
        """Names this version of the file."""
        return self.fingerprints.digest

    @property
    def sources(self) -> tuple[Source, ...]:
        """None: no pattern knows the values."""
        return ()

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Every value in ``text``, from left to right, score 1.0. Raises OutOfTime."""
        begin, step = 0, WINDOW_CHARS - OVERLAP_CHARS
        while True:
            deadline.left()
            last = begin + WINDOW_CHARS >= len(text)
            # A token that began before this window was seen whole in the one before.
            skip = begin > 0 and text[begin - 1].isalnum()
            for start, end in self._window(text[begin : begin + WINDOW_CHARS]):
                if (last or start < step) and not (skip and start == 0):
                    yield begin + start, begin + end, 1.0
            if last:
                return
            begin += step

    def _window(self, text: str) -> list[tuple[int, int]]:
        read = tokens(text)
        plain, words = self._candidates(read)
        sure = self.fingerprints.sure
        pairs: list[tuple[int, int]] = []
        wanted: list[int] = []
        for (starts, ends), symbols in ((plain, read.symbols), (words, read.marked())):
            if not len(starts):
                continue
            whole = spelled(symbols)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                value = whole[start:end]
                data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
                data = data if symbols is read.symbols else data[:1].lower() + data[1:]
                wanted.append(int.from_bytes(self.fingerprints.hashes.sure(data), "little"))
                pairs.append((start, end))
        if not wanted:
            return []
        numbers = np.array(wanted, np.uint64)
        at = np.minimum(np.searchsorted(sure, numbers), len(sure) - 1)
        found: list[tuple[int, int]] = []
        for index in np.flatnonzero(sure[at] == numbers).tolist():
            start, end = pairs[index]
            first, after = int(read.places[start]), int(read.places[end - 1]) + 1
            if not _is_fraction(text, first, after):
                found.append((first, after))
        return sorted(found)

    def _candidates(self, read: Tokens) -> tuple[_Stretches, _Stretches]:
        """Stretches of symbols with a digit, and those without, that have a value's shape and pass the quick filter."""
        header, starts, ends, digits = self.fingerprints.header, read.starts, read.ends, read.digits
        shapes, longest = header.shapes, header.longest
        first = np.arange(len(starts))
        plain: list[_Stretches] = []
        words: list[_Stretches] = []
        for count in range(1, TOKENS_MAX + 1):
            if count > 1:
                first = first[: np.searchsorted(first, len(starts) - count + 1)]
                first = first[read.joined[first + (count - 2)]]
            begin, end = starts[first], ends[first + (count - 1)]
            length, numbers = end - begin, digits[end] - digits[begin]
            going_on = length <= longest
            if count > header.words:
                going_on &= numbers > 0  # more words than any value begins with
            if not going_on.all():
                first, begin, end = first[going_on], begin[going_on], end[going_on]
                length, numbers = length[going_on], numbers[going_on]
            if not len(first):
                break
            fits = shapes[length * SHAPE_STEP + numbers]
            worded = fits & (numbers == 0)
            if worded.any():
                words.append((begin[worded], end[worded]))
                fits &= ~worded
            plain.append((begin[fits], end[fits]))
        return self._passing(read.symbols, plain), self._passing(read.marked(), words, capital=True)

    def _passing(self, symbols: NDArray[Any], stretches: list[_Stretches], *, capital: bool = False) -> _Stretches:
        """Those of ``stretches`` whose quick hashes are in the filter."""
        none = np.zeros(0, np.int64)
        begin = np.concatenate([pair[0] for pair in stretches] or [none])
        end = np.concatenate([pair[1] for pair in stretches] or [none])
        if not len(begin):
            return begin, end
        hashes, bits = self.fingerprints.hashes, self.fingerprints.quick
        quick = hashes.quick(hashes.prefix(symbols), begin, end)
        if capital:  # the first letter of a value is a small one
            first = symbols[begin]
            quick += np.where((first >= ord("A")) & (first <= ord("Z")), np.uint64(32), np.uint64(0))
        for probe in range(PROBES):
            places = hashes.places(quick, len(bits) * 8, probe)
            passes = (bits[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8)) & 1 == 1
            quick, begin, end = quick[passes], begin[passes], end[passes]
        return begin, end


def _is_fraction(text: str, start: int, end: int) -> bool:
    """Digits before or after a decimal point: no number anybody gave to a customer."""
    if not text[start:end].isdecimal():
        return False
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (before[-1:] == "." and before[:1].isdecimal()) or (after[:1] == "." and after[1:].isdecimal())
