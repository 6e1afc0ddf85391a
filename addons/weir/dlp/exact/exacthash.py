"""The two hashes of exact data match, both keyed: one to be sure, one to be quick.

The sure one is BLAKE2b, 64 bits of it: that is what a fingerprint file holds, and without the key nobody can try
values against it. The quick one is a polynomial that numpy evaluates for any stretch of a text in a few operations;
it only decides what is worth the sure one. As it is not built to withstand study, its bits lie encrypted in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from weir.dlp.exact.exacttext import CHARS_MAX, Ints, Words

__all__ = ["BITS_A_VALUE", "Hashes", "filter_bytes"]

BITS_A_VALUE = 16  # of the quick filter: one stretch in 200 passes although its value is not there
PROBES = 3
SYMBOLS_MAX = 1 << 15  # of one text window

_ALL = (1 << 64) - 1
_HALF = np.uint64(32)


def filter_bytes(values: int) -> int:
    """The size of the quick filter for so many values: a multiple of 8, at least 64."""
    return max(64, (values * BITS_A_VALUE + 63) // 64 * 8)


def _powers(base: int, count: int) -> Words:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


@dataclass(frozen=True, slots=True, repr=False)
class Hashes:
    """What a key and a file's salt make of the hashes. Not to be printed: it is made of the key."""

    key: bytes
    salt: bytes
    _blake: Any = field(init=False)
    _add: np.uint64 = field(init=False)
    _powers: Words = field(init=False)
    _inverse: Words = field(init=False)
    _mixers: tuple[np.uint64, ...] = field(init=False)

    def __post_init__(self) -> None:
        drawn = self.derive("quick hash", 64)
        numbers = [int.from_bytes(drawn[at : at + 8], "little") | 1 for at in range(0, 64, 8)]
        base = numbers[0] & ~7 | 5  # of the highest order there is modulo 2^64
        for name, value in (
            ("_blake", hashlib.blake2b(key=self.derive("sure hash", 32), digest_size=8)),
            ("_add", np.uint64(numbers[1])),
            ("_powers", _powers(base, SYMBOLS_MAX)),
            ("_inverse", _powers(pow(base, -1, 1 << 64), SYMBOLS_MAX)),
            ("_mixers", tuple(np.uint64(number) for number in numbers[2 : 2 + PROBES])),
        ):
            object.__setattr__(self, name, value)

    def derive(self, purpose: str, size: int) -> bytes:
        """``size`` bytes (up to 64) for one purpose, of the key and the salt."""
        return self.derived(self.key, self.salt, purpose, size)

    @staticmethod
    def derived(key: bytes, salt: bytes, purpose: str, size: int) -> bytes:
        """As ``derive``, without making the tables that the hashes need."""
        return hashlib.blake2b(purpose.encode() + b"\0" + salt, key=key, digest_size=size).digest()

    def sure(self, value: bytes) -> bytes:
        """8 bytes that stand for a reduced value; as a little-endian number they are sorted in a file."""
        blake = self._blake.copy()
        blake.update(value)
        found: bytes = blake.digest()
        return found

    def prefix(self, symbols: NDArray[Any]) -> Words:
        """Sums from which ``quick`` takes the hash of any stretch of ``symbols`` (at most SYMBOLS_MAX of them)."""
        sums = np.zeros(len(symbols) + 1, np.uint64)
        np.cumsum((symbols.astype(np.uint64) + self._add) * self._powers[: len(symbols)], out=sums[1:])
        return sums

    def quick(self, sums: Words, starts: Ints, ends: Ints) -> Words:
        """The quick hashes of the stretches from ``starts`` to ``ends``."""
        return (sums[ends] - sums[starts]) * self._inverse[starts]

    def quick_of(self, values: Sequence[bytes]) -> Words:
        """The quick hashes of whole reduced values, none of them empty."""
        joined = b"".join(values)
        if joined.isascii():
            symbols: NDArray[Any] = np.frombuffer(joined, np.uint8)
            lengths = np.array([len(value) for value in values], np.int64)
        else:
            texts = [value.decode("utf-8", "surrogatepass") for value in values]
            symbols = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4")
            lengths = np.array([len(text) for text in texts], np.int64)
        starts = np.cumsum(lengths) - lengths
        within = np.arange(len(symbols)) - np.repeat(starts, lengths)
        terms = (symbols.astype(np.uint64) + self._add) * self._powers[:CHARS_MAX][within]
        return np.add.reduceat(terms, starts)

    def places(self, quick: Words, bits: int, probe: int) -> Words:
        """Which of the filter's ``bits`` the hashes ask for, at the ``probe``-th time."""
        mixed = (quick ^ (quick >> _HALF)) * self._mixers[probe]
        mixed ^= mixed >> np.uint64(29)
        return ((mixed >> _HALF) * np.uint64(bits)) >> _HALF

    def cipher(self, data: bytes) -> bytes:
        """The quick filter encrypted, or decrypted: AES-256 in counter mode, the salt makes each file's own."""
        stream = Cipher(algorithms.AES(self.derive("filter key", 32)), modes.CTR(self.derive("filter nonce", 16)))
        return stream.encryptor().update(data)

    def __repr__(self) -> str:
        return "Hashes(hidden)"

    def __reduce__(self) -> str:
        raise TypeError("hashes are made of a key and are not pickled")
