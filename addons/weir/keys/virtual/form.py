"""The form of a virtual key, which tells it from any other string without a look-up.

A key is ``weir-sk-``, 256 random bits as 43 base-62 digits, and a CRC-32 of all that as 6 more. The checksum is no
protection: it tells a weir key from any other string, for us and for secret scanners.
"""

from __future__ import annotations

import secrets
import zlib

__all__ = ["PREFIX", "looks_virtual", "new_key"]

PREFIX = "weir-sk-"

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_RANDOM_DIGITS = 43  # 62^43 > 2^256
_CHECK_DIGITS = 6  # 62^6 > 2^32
_LENGTH = len(PREFIX) + _RANDOM_DIGITS + _CHECK_DIGITS


def new_key() -> str:
    """A fresh virtual key."""
    body = PREFIX + _base62(secrets.randbits(256), _RANDOM_DIGITS)
    return body + _checksum(body)


def looks_virtual(value: str) -> bool:
    """True when ``value`` is a whole virtual key by prefix, length and checksum; whether it was issued is not asked."""
    if len(value) != _LENGTH or not value.startswith(PREFIX) or not value.isascii():
        return False
    number = 0
    for digit in value[-_CHECK_DIGITS:]:
        number = number * 62 + _VALUES.get(digit, 1 << 40)
    return number == zlib.crc32(value[:-_CHECK_DIGITS].encode()) and value[len(PREFIX) :].isalnum()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
