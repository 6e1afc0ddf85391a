"""Expands ``{hex:32}`` and its kin in rule examples, so that no rule file holds a string that looks like a live key.

``{crc62:51}`` is the checksum that stands in a key for the 51 characters before it (see validators.py).

The characters come from SHA-256 of a seed and the place: the same on every machine and in every run.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator

from weir.dlp.rulebook.validators import crc62

__all__ = ["ALPHABETS", "expand"]

_UPPER, _LOWER, _DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits

ALPHABETS = {
    "hex": _DIGITS + "abcdef",
    "HEX": _DIGITS + "ABCDEF",
    "digits": _DIGITS,
    "lower": _LOWER,
    "upper": _UPPER,
    "b32": _UPPER + "234567",
    "b36": _DIGITS + _LOWER,
    "B36": _DIGITS + _UPPER,
    "b58": "".join(sorted(set(_DIGITS + _UPPER + _LOWER) - set("0OIl"))),
    "b62": _DIGITS + _UPPER + _LOWER,
    "b64": _DIGITS + _UPPER + _LOWER + "+/",
    "b64url": _DIGITS + _UPPER + _LOWER + "-_",
}

_CHECKSUM = re.compile(r"\{crc62:(\d{1,4})\}")
_NOTATION = re.compile(r"\{(" + "|".join(ALPHABETS) + r"):(\d{1,4})\}")


def expand(example: str, seed: str) -> str:
    """``example`` with every ``{alphabet:length}`` replaced; a name not in ALPHABETS is left as it stands.

    ``seed`` (the rule's id) makes the examples of different rules differ.
    """
    count = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        alphabet, length = ALPHABETS[match[1]], int(match[2])
        stream = _bytes(f"{seed}/{count}/{match[1]}")
        # A key never starts or ends in punctuation here, so that word boundaries in patterns can be tested.
        inner = [alphabet[next(stream) % len(alphabet)] for _ in range(length)]
        for edge in (0, -1):
            while inner and not inner[edge].isalnum():
                inner[edge] = alphabet[next(stream) % len(alphabet)]
        return "".join(inner)

    expanded = _NOTATION.sub(fill, example)
    while (match := _CHECKSUM.search(expanded)) is not None:
        head = expanded[: match.start()]
        expanded = head + crc62(head[-int(match[1]) :]) + expanded[match.end() :]
    return expanded


def _bytes(seed: str) -> Iterator[int]:
    block = 0
    while True:
        yield from hashlib.sha256(f"{seed}/{block}".encode()).digest()
        block += 1
