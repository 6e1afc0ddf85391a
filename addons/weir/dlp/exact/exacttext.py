"""How exact data match reads text: what a value is reduced to, and where in a text a value could begin and end.

A value is reduced to its letters and digits: case, accents, blanks, hyphens and dots are written as people like. Only
where there is no digit does it count where words begin (a capital letter marks it), or "to be made" would be somebody
called To Bemade. In a text a value begins where a run of letters and digits (a token) begins and ends where one ends;
up to `TOKENS_MAX` of them make a candidate. All of it is done for thousands of characters at once: a loop over tokens
in Python would be slower than all other detectors together.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHARS_MAX", "GAP_MAX", "READING", "TOKENS_MAX", "Ints", "Tokens", "Words", "leading_words", "reduced",
    "spelled", "tokens", "weight",
]  # fmt: skip

READING = 1  # raise when the same text would be reduced to something else: older files then don't fit
CHARS_MAX = 128  # letters and digits of a value
TOKENS_MAX = 12  # an IBAN in groups of four has nine at most, a name five
GAP_MAX = 3  # characters between two tokens of one value, e.g. ") " or " - "

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
_Bytes = NDArray[np.uint8]

# What a character is. The order matters: what counts is from _LETTER up, what separates is below _SKIP.
_HARD, _SOFT, _APOSTROPHE, _SKIP, _LETTER, _IDEOGRAPH, _DIGIT = range(7)
_UNKNOWN = 255
# What people put between groups of digits that belong together; a comma or a line break begins another number.
_SOFT_CHARACTERS = frozenset(" -./_()+\u00a0\u202f\u2007\u2009\u2010\u2011\u2012\u2013\u2212")
_APOSTROPHES = "'\u2019\u02bc\u00b4`"  # O'Brien and OBrien are one


def _judge(character: str) -> tuple[int, str]:
    """What ``character`` is, and what it is read as."""
    if character in _APOSTROPHES:
        return _APOSTROPHE, ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return _DIGIT, str(digit)
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return _SKIP, ""
    if category == "Lo" and unicodedata.east_asian_width(character) in "WF":
        return _IDEOGRAPH, unicodedata.normalize("NFKC", character)[0]
    plain = unicodedata.normalize("NFKD", character.casefold())[:1]
    if plain and character.isalnum():
        return (_DIGIT, plain) if plain.isdecimal() else (_LETTER, plain)
    return (_SOFT if character in _SOFT_CHARACTERS else _HARD), ""


_ANY_DIGIT = re.compile(r"\d")
_TOKEN = re.compile(r"[^\W_]+")
_judged = lru_cache(maxsize=8192)(_judge)
_ASCII = [_judge(chr(code)) for code in range(128)]
_ASCII_CLASS = bytes(kind for kind, _ in _ASCII) + bytes(128)
_ASCII_FOLD = b"".join(read.encode() or b"\0" for _, read in _ASCII) + bytes(128)
_ASCII_DROP = bytes(code for code in range(128) if not _ASCII[code][1])
_ASCII_WORDS = bytes(code or ord(" ") for code in _ASCII_FOLD[:128]) + bytes(128)
_CAPITAL = ord("a") - ord("A")


def reduced(value: str) -> bytes:
    """The letters and digits of ``value`` as UTF-8, folded: what is hashed. Empty when it has none."""
    if value.isascii():
        data = value.encode()
        plain = data.translate(_ASCII_FOLD, _ASCII_DROP)
        if not plain.isalpha():
            return plain
        words = data.translate(_ASCII_WORDS, b"'`").split()
    else:
        judged = [_judged(character) for character in value]
        if any(kind == _DIGIT for kind, _ in judged):
            return "".join(read for _, read in judged).encode()
        words = "".join(" " if kind < _APOSTROPHE else read for kind, read in judged).encode().split()
    if len(words) < 2:
        return words[0] if words else b""
    return words[0] + b"".join(map(bytes.capitalize, words[1:]))


def weight(value: bytes) -> int:
    """How much of a reduced value there is to recognise it by, in letters: an ideograph counts as two."""
    if value.isascii():
        return len(value)
    return sum(2 if _judged(character)[0] == _IDEOGRAPH else 1 for character in value.decode("utf-8", "surrogatepass"))


def leading_words(value: str, known: int) -> int:
    """At most how many tokens ``value`` begins with that hold no digit; ``known`` when it can't be more than that.

    A stretch of a text that begins with more words than any value is no value.
    """
    digit = _ANY_DIGIT.search(value)
    before = value[: digit.start()] if digit else value
    if before.isascii():
        return len(_TOKEN.findall(before)) if len(before) > 2 * known else known
    return len(_TOKEN.findall(before)) + sum(_judged(character)[0] == _IDEOGRAPH for character in before)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The letters and digits of a text, and the tokens they form. ``starts`` and ``ends`` index ``symbols``."""

    symbols: NDArray[Any]  # what each is read as: code points, uint8 or uint32
    places: Ints  # where each stands in the text
    starts: Ints
    ends: Ints
    begins: NDArray[np.bool_]  # for each token, whether a capital would mark it inside a value without digits
    digits: Ints  # how many of the symbols before each (and before the end) are digits
    joined: NDArray[np.bool_]  # for each token but the last, whether the next one may belong to the same value

    def marked(self) -> NDArray[Any]:
        """The symbols with capitals where words begin."""
        marked = self.symbols.copy()
        marked[self.starts[self.begins]] -= _CAPITAL
        return marked


def spelled(symbols: NDArray[Any]) -> bytes | str:
    """Symbols as one string; what `reduced` gives for a stretch is a slice of it, encoded."""
    if symbols.dtype == np.uint8:
        return symbols.tobytes()
    return symbols.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def tokens(text: str) -> Tokens:
    """``text`` as tokens."""
    kinds, folds = _read(text)
    places = np.flatnonzero(kinds >= _LETTER)
    symbols, of_kind = folds[places], kinds[places]
    count = len(places)
    digits = np.zeros(count + 1, np.int64)
    np.cumsum(of_kind == _DIGIT, out=digits[1:])
    if not count:
        none, never = np.zeros(0, np.int64), np.zeros(0, np.bool_)
        return Tokens(symbols, places, none, none, never, digits, never)
    starts = np.concatenate(([0], np.flatnonzero(_apart(kinds, places, of_kind)) + 1))
    ends = np.concatenate((starts[1:], [count]))
    joined, blank = _gaps(kinds, places, of_kind, starts)
    first = symbols[starts]
    begins = (first >= ord("a")) & (first <= ord("z"))
    begins[0] = False
    begins[1:] &= blank
    return Tokens(symbols, places, starts, ends, begins, digits, joined)


def _read(text: str) -> tuple[_Bytes, NDArray[Any]]:
    """For each character what it is and, for those that count, what it is read as."""
    if text.isascii():
        data = text.encode("ascii")
        kinds = np.frombuffer(data.translate(_ASCII_CLASS), np.uint8)
        return kinds, np.frombuffer(data.translate(_ASCII_FOLD), np.uint8)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    all_kinds, all_folds = _tables()
    kinds = all_kinds[codes]
    unknown = kinds == _UNKNOWN
    if unknown.any():
        for code in np.unique(codes[unknown]).tolist():
            kind, read = _judge(chr(code))
            all_folds[code] = ord(read) if read else 0
            all_kinds[code] = kind  # last, since other threads go by it
        kinds = all_kinds[codes]
    return kinds, all_folds[codes]


@cache
def _tables() -> tuple[_Bytes, NDArray[np.uint32]]:
    """By code point, filled as characters are met; what nobody writes takes up no memory."""
    return np.full(0x110000, _UNKNOWN, np.uint8), np.zeros(0x110000, np.uint32)


def _apart(kinds: _Bytes, places: Ints, of_kind: _Bytes) -> NDArray[np.bool_]:
    """Whether each symbol and the next are in different tokens."""
    ideographs = of_kind == _IDEOGRAPH
    skipped = kinds == _SKIP
    apart: NDArray[np.bool_] = np.diff(places) > 1
    if skipped.any():
        apart = np.diff(np.cumsum(kinds < _SKIP)[places]) > 0
    # Scripts without blanks: every ideograph may begin or end a name.
    return apart | ideographs[1:] | ideographs[:-1] if ideographs.any() else apart


def _gaps(kinds: _Bytes, places: Ints, of_kind: _Bytes, starts: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each token but the first: whether it may go on with the one before, and whether a word begins with it."""
    after, before = starts[1:], starts[1:] - 1
    left, right = places[before], places[after]
    distance = right - left
    blank = (distance > 1) & ((kinds[left + 1] < _APOSTROPHE) | (kinds[right - 1] < _APOSTROPHE))
    near: NDArray[np.bool_] = distance <= GAP_MAX + 1
    numbers = (of_kind[before] == _DIGIT) & (of_kind[after] == _DIGIT) & near
    if numbers.any():
        hard = np.cumsum(kinds == _HARD)
        near &= ~numbers | (hard[right] == hard[left])
    return near, blank
