"""Checks that a format carries in itself: a rule names one, and a candidate that fails it is not reported."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise

__all__ = ["VALIDATORS", "crc62"]

_BASE64_PADDING = 4
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CRC62_DIGITS = 6  # 62^6 > 2^32
_BITLOCKER_GROUPS = 8
_LOGIN_CHARS_MIN = 6
_CHANGES_MIN = 3
_COMMON_WORDS = frozenset(
    [
        "the",
        "and",
        "that",
        "this",
        "with",
        "your",
        "you",
        "are",
        "for",
        "not",
        "from",
        "have",
        "has",
        "was",
        "were",
        "will",
        "can",
        "our",
        "their",
        "they",
        "them",
        "then",
        "than",
        "when",
        "what",
        "which",
        "who",
        "how",
        "why",
        "all",
        "any",
        "been",
        "some",
        "more",
        "most",
        "into",
        "over",
        "also",
        "only",
        "very",
        "just",
        "here",
        "there",
        "where",
        "must",
        "should",
        "would",
        "could",
        "about",
        "after",
        "before",
        "these",
        "those",
        "such",
        "page",
        "need",
        "make",
        "sure",
        "keep",
        "safe",
        "never",
        "ever",
        "good",
        "news",
        "look",
    ]
)


def _decode(text: str) -> bytes | None:
    """Base64 of either alphabet, padded or not; None when it is neither."""
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    padded += "=" * (-len(padded) % _BASE64_PADDING)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return None


def is_jwt(value: str) -> bool:
    """True when the first part of ``value`` decodes to a JSON object that names an algorithm (RFC 7515, `alg`)."""
    header = _decode(value.partition(".")[0])
    if header is None:
        return False
    try:
        fields = json.loads(header)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and isinstance(fields.get("alg") or fields.get("enc"), str)


def is_basic_credentials(value: str) -> bool:
    """True when ``value`` decodes to printable ``user:password`` with both parts (RFC 7617)."""
    decoded = _decode(value)
    if decoded is None:
        return False
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        return False
    user, colon, password = text.partition(":")
    return bool(user and colon and password) and text.isprintable()


def is_mixed(value: str) -> bool:
    """True when ``value`` has letters and digits, or is long with punctuation: prose and identifiers have neither."""
    letters = any(character.isalpha() for character in value)
    digits = any(character.isdigit() for character in value)
    marks = len(re.findall(r"[^\w\s]", value))
    return letters and (digits or marks >= 2)  # two marks inside a word are no prose


def is_letters_digits(value: str) -> bool:
    """True when ``value`` has letters and digits: the names and sentences in web addresses mostly have no digits."""
    return any(character.isalpha() for character in value) and any(character.isdigit() for character in value)


def is_assigned(value: str) -> bool:
    """True when letters, digits and signs change places in ``value`` often: not in names, versions and file paths.

    Hyphens, underscores, full stops, colons and slashes divide names, so changes across them do not count.
    """
    changes = 0
    for part in re.split(r"[-_.:/]+", value):
        kinds = ["d" if c.isdigit() else "l" if c.isalpha() else "s" for c in part]
        changes += sum(first != second for first, second in pairwise(kinds))
    return changes >= _CHANGES_MIN and is_letters_digits(value)


def crc62(text: str) -> str:
    """CRC-32 of ``text`` (in UTF-8) as six base-62 digits: how weir, like others, ends its keys."""
    number, digits = zlib.crc32(text.encode("utf-8", "surrogatepass")), ""
    for _ in range(_CRC62_DIGITS):
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits


def is_crc62(value: str) -> bool:
    """True when ``value`` ends in the checksum of what stands before it."""
    return value.isascii() and value[-_CRC62_DIGITS:] == crc62(value[:-_CRC62_DIGITS])


def is_crc62_body(value: str) -> bool:
    """True when what follows the last underscore of ``value`` ends in its own checksum, as in GitHub's tokens."""
    return is_crc62(value.rpartition("_")[2])


def is_bitlocker(value: str) -> bool:
    """True when ``value`` is eight groups of six digits, each 11 times a number of 16 bits and not all the same."""
    groups = value.split("-")
    numbers = [int(group) for group in groups if group.isascii() and group.isdigit()]
    divisible = all(number % 11 == 0 and number // 11 < 1 << 16 for number in numbers)
    return len(numbers) == len(groups) == _BITLOCKER_GROUPS and divisible and len(set(numbers)) > 1


def is_distinct_words(value: str) -> bool:
    """True when the words of ``value`` hardly repeat and none is a common little one: word lists have none of them."""
    words = re.findall(r"[a-z]+", value)
    return len(set(words)) >= len(words) - 2 and not _COMMON_WORDS.intersection(words)


def is_no_vocabulary(value: str) -> bool:
    """True when groups of four letters can't be words: prose of four-letter words has common ones and more vowels."""
    groups = value.lower().split()
    vowels = sum(letter in "aeiou" for group in groups for letter in group)
    return not _COMMON_WORDS.intersection(groups) and vowels * 5 < len("".join(groups)) * 2


def is_sasl_plain(value: str) -> bool:
    """True when ``value`` decodes to printable text, or to two or three parts with NUL between them (RFC 4616)."""
    decoded = _decode(value)
    if decoded is None:
        return False
    try:
        parts = decoded.decode("utf-8").split("\0")
    except UnicodeDecodeError:
        return False
    return all(part.isprintable() for part in parts) and (len(parts) > 1 or len(parts[0]) >= _LOGIN_CHARS_MIN)


VALIDATORS: Mapping[str, Callable[[str], bool]] = {
    "jwt": is_jwt,
    "basic_credentials": is_basic_credentials,
    "mixed": is_mixed,
    "assigned": is_assigned,
    "letters_digits": is_letters_digits,
    "crc62": is_crc62,
    "crc62_body": is_crc62_body,
    "bitlocker": is_bitlocker,
    "distinct_words": is_distinct_words,
    "no_vocabulary": is_no_vocabulary,
    "sasl_plain": is_sasl_plain,
}
