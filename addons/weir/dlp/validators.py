"""Checks that a format carries in itself: a rule names one, and a candidate that fails it is not reported."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Mapping

__all__ = ["VALIDATORS", "crc62"]

_BASE64_PADDING = 4
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CRC62_DIGITS = 6  # 62^6 > 2^32


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


VALIDATORS: Mapping[str, Callable[[str], bool]] = {
    "jwt": is_jwt,
    "basic_credentials": is_basic_credentials,
    "mixed": is_mixed,
    "crc62": is_crc62,
}
