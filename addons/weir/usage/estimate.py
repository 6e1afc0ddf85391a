"""Tokens from characters alone, for when no vocabulary is at hand: a linear fit, not a guess of four a token.

The weights were fitted against o200k_base on prose, code, JSON and program messages in 23 languages: the mean
error of a language stays within 22 %, where characters ÷ 4 is 26 % short on JSON and 65 % short on Chinese.
"""

from __future__ import annotations

__all__ = ["estimate"]


def _span(first: int, last: int) -> bytes:
    return bytes(range(first, last + 1))


_LETTERS = _span(0x41, 0x5A) + _span(0x61, 0x7A)
_DIGITS = _span(0x30, 0x39)
_SPACES = b" \t\r\n"
_BREAKS = b"\r\n"
_MARKS = bytes(b for b in range(128) if b not in _LETTERS + _DIGITS + _SPACES)

# Tokens a character, by the lead byte of its UTF-8 form. A space costs nothing: it joins the next word's token.
_WEIGHTS: tuple[tuple[bytes, float], ...] = (
    (_LETTERS, 0.25),
    (_DIGITS, 0.40),
    (_MARKS, 0.65),
    (_BREAKS, 0.60),
    (_span(0xC2, 0xC9), 1.60),  # accented Latin: it also splits the plain letters around it into more tokens
    (_span(0xCA, 0xDF), 0.40),  # Greek, Cyrillic, Hebrew, Arabic
    (_span(0xE0, 0xE2), 0.45),  # Indic scripts, Thai, typographic marks
    (_span(0xE3, 0xE9), 0.80),  # kana, Han
    (_span(0xEA, 0xEF), 0.83),  # Hangul
    (_span(0xF0, 0xF4), 1.46),  # emoji and the rest
)
_WORD = _LETTERS + _DIGITS
_UNBROKEN = 200  # characters; a longer text with hardly a space in it is encoded data, not words
_ENCODED = 0.68  # tokens a character of base64 and its like


def _count(data: bytes, of: bytes) -> int:
    return len(data) - len(data.translate(None, of))


def estimate(text: str) -> float:
    """About how many o200k_base tokens ``text`` has (≥ 0); any str will do. About 10 µs a KB."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > _UNBROKEN and _count(data, _SPACES) * 100 < len(data) and _count(data, _WORD) * 10 > len(data) * 9:
        return len(data) * _ENCODED
    tokens = sum(weight * _count(data, of) for of, weight in _WEIGHTS)
    return max(tokens, 1.0) if data else 0.0
