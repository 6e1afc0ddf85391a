"""Makes a fingerprint file out of a table: values are read row by row and only their hashes are kept.

Memory is bounded by 8 bytes a value and the quick filter: hashes go to temporary files until they are sorted.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from weir.dlp.exact.exactfile import SHAPE_STEP, Header, replacing, write_file
from weir.dlp.exact.exacthash import PROBES, Hashes, filter_bytes
from weir.dlp.exact.exacttext import CHARS_MAX, Words, leading_words, reduced, weight

__all__ = ["DIGITS_MIN", "LETTERS_MIN", "VALUES_MAX", "Made", "fingerprint"]

LETTERS_MIN = 5  # of a value; with fewer of them half of all texts would hold one
DIGITS_MIN = 6
VALUES_MAX = 200_000_000
_CHUNK = 8192  # values hashed at once
_DENSE = 1e-4  # of all numbers of a length: from here on any such number in a text is likely to be a false find
_WORDS_MAX = 5  # of a name that may also be written with the last word first
_WORDS_SLACK = 1  # a hyphen or an apostrophe more than in the table
# What stands in tables where there is no value.
_FILLER = frozenset(
    reduced(word)
    for word in ("unknown", "undefined", "not available", "not applicable", "example", "anonymous", "missing", "empty",
                 "deleted", "redacted", "other", "false", "123456", "1234567", "12345678", "123456789", "1234567890")
)  # fmt: skip


@dataclass(slots=True)
class Made:
    """What became of a table: counts, and no value."""

    values: int = 0  # distinct, in the file
    cells: int = 0  # not empty, of the chosen columns
    refused: Counter[str] = field(default_factory=Counter)  # by column and reason: "iban: too short"
    single_words: Counter[str] = field(default_factory=Counter)  # by column: values that are one word of letters
    dense: dict[int, float] = field(default_factory=dict)  # by number of digits: the share of such numbers in the file
    bytes: int = 0


def fingerprint(
    rows: Iterable[tuple[str, ...]],
    columns: tuple[str, ...],
    *,
    label: str,
    key: bytes,
    out: Path,
    allow_short: bool = False,
) -> Made:
    """Write the values in ``rows`` (one text for each of ``columns``) to the fingerprint file ``out``.

    Raises ValueError when no value is left or there are more than VALUES_MAX, and OSError. An existing file is
    replaced in one step, only when all went well.
    """
    maker = _Maker(columns, Hashes(key, secrets.token_bytes(16)), allow_short)
    with tempfile.TemporaryFile(dir=out.parent) as sure, tempfile.TemporaryFile(dir=out.parent) as quick:
        for row in rows:
            for column, cell in zip(columns, row, strict=True):
                maker.take(column, cell)
            if len(maker.values) >= _CHUNK:
                maker.hash(sure, quick)
        maker.hash(sure, quick)
        made = maker.made
        if not maker.hashed:
            raise ValueError("no value is left to fingerprint; look at what was refused, or name other columns")
        hashes = _sorted(sure, maker.hashed)
        made.values = len(hashes)
        header = Header(label, columns, maker.hashes.salt, made.values, maker.words + _WORDS_SLACK, maker.shapes)
        with replacing(out) as file:
            write_file(file, header, key, hashes, _filter(quick, made.values, maker.hashes))
            made.bytes = file.tell()
    made.dense = {
        digits: share for digits, count in sorted(maker.numbers.items()) if (share := count / 10**digits) >= _DENSE
    }
    return made


class _Maker:
    """Takes cells, holds the values of one chunk."""

    def __init__(self, columns: tuple[str, ...], hashes: Hashes, allow_short: bool) -> None:
        self.hashes = hashes
        self.made = Made()
        self.values: list[bytes] = []
        self.shapes = np.zeros(SHAPE_STEP * SHAPE_STEP, np.bool_)
        self.words = 1
        self.hashed = 0
        self.numbers: Counter[int] = Counter()
        self._allow_short = allow_short

    def take(self, column: str, cell: str) -> None:
        """Add the value in ``cell``, or count why not."""
        value = reduced(cell)
        if not value:
            return
        self.made.cells += 1
        reason = self._refusal(value)
        if reason:
            self.made.refused[f"{column}: {reason}"] += 1
            return
        self.values.append(value)
        if value.isdigit():
            self.numbers[len(value)] += 1
            return
        if cell.isalpha() and weight(value) <= len(cell):
            self.made.single_words[column] += 1
            return
        self.words = max(self.words, leading_words(cell, self.words))
        parts = cell.split()
        if 1 < len(parts) <= _WORDS_MAX and not any(map(str.isdigit, cell)):
            self._turned(cell, parts)

    def _turned(self, cell: str, parts: list[str]) -> None:
        """A name the other way round: `Jane Q. Public` is also `Public, Jane Q.`"""
        last, comma, first = cell.partition(",")
        other = reduced(f"{first} {last}" if comma else " ".join((parts[-1], *parts[:-1])))
        self.values.append(other)

    def _refusal(self, value: bytes) -> str:
        if len(value) > CHARS_MAX and len(value.decode("utf-8", "surrogatepass")) > CHARS_MAX:
            return f"more than {CHARS_MAX} characters"
        if value in _FILLER or len(set(value)) == 1:
            return "no real value"
        if self._allow_short:
            return ""
        if value.isdigit():
            return "too short" if len(value) < DIGITS_MIN else ""
        return "too short" if weight(value) < LETTERS_MIN else ""

    def hash(self, sure: IO[bytes], quick: IO[bytes]) -> None:
        """Write the hashes of what was taken, and forget the values."""
        if not self.values:
            return
        values, self.values = self.values, []
        self.hashed += len(values)
        if self.hashed > VALUES_MAX:
            raise ValueError(f"more than {VALUES_MAX:,} values; split the table into several files")
        sure.write(b"".join(map(self.hashes.sure, values)))
        quick.write(self.hashes.quick_of(values).tobytes())
        self._note_shapes(values)

    def _note_shapes(self, values: list[bytes]) -> None:
        joined = np.frombuffer(b"".join(values), np.uint8)
        lengths = np.array([len(value) for value in values], np.int64)
        starts = np.cumsum(lengths) - lengths
        digits = np.add.reduceat(((joined >= ord("0")) & (joined <= ord("9"))).astype(np.int64), starts)
        # Bytes that continue a character of UTF-8 are no characters.
        characters = np.add.reduceat(((joined & 0xC0) != 0x80).astype(np.int64), starts)
        self.shapes[characters * SHAPE_STEP + digits] = True


def _sorted(file: IO[bytes], count: int) -> Words:
    file.seek(0)
    hashes: Words = np.fromfile(file, "<u8", count).astype(np.uint64, copy=False)
    hashes.sort()
    fresh = np.ones(count, np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=fresh[1:])
    return hashes if fresh.all() else hashes[fresh]


def _filter(file: IO[bytes], values: int, hashes: Hashes) -> NDArray[np.uint8]:
    bits = np.zeros(filter_bytes(values), np.uint8)
    file.seek(0)
    while data := file.read(8 << 20):
        quick = np.frombuffer(data, "<u8")
        for probe in range(PROBES):
            places = hashes.places(quick, len(bits) * 8, probe)
            marks = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
            np.bitwise_or.at(bits, places >> np.uint64(3), marks)
    return bits
