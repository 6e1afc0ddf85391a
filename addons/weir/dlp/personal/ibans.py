"""International bank account numbers: the country says how long they are, the check digits say the rest.

They are sought by their length and not by their groups, so blanks may stand anywhere and case does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from weir.dlp.core.patterns import Deadline, Pattern, compile_pattern
from weir.dlp.core.prefilter import Source
from weir.dlp.personal.packs import read

__all__ = ["IbanDetector", "country_lengths", "is_iban"]

_MARKS = " .\u00a0-"  # the hyphen last: it stands in character classes
_CHARS_MAX = 34


@cache
def country_lengths() -> Mapping[str, int]:
    """Characters of an IBAN by the country's two letters."""
    lengths = read("ibans.yaml")["lengths"]
    return {country: int(length) for length, countries in lengths.items() for country in countries}


def is_iban(plain: str) -> bool:
    """True when ``plain`` (upper case, no blanks) has its country's length and right check digits (ISO 7064)."""
    if len(plain) != country_lengths().get(plain[:2]) or not plain.isascii() or not plain[2:4].isdigit():
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IbanDetector:
    """IBANs of every country. ``validate`` may know more of a country's own format; None from it is no objection."""

    severity: str
    threshold: float
    validate: Callable[[str], bool | None]
    entity: str = "IBAN_CODE"

    @property
    def name(self) -> str:
        """pii/IBAN_CODE."""
        return f"pii/{self.entity}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The beginning of a number."""
        return (Source(_head().pattern),)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Numbers from left to right, none inside another. Raises TimeoutError."""
        done = 0
        for head in _head().finditer(text, timeout=deadline.left()):
            deadline.left()
            # "Be 12 DE89 …" looks like a Belgian number until one counts.
            for country in _country().finditer(text, head.start(), head.end()):
                start = country.start()
                end = _end_of(text, start) if start >= done else 0
                if end and self._is_right(text, start, end):
                    done = end
                    yield start, end, 1.0
                    break

    def _is_right(self, text: str, start: int, end: int) -> bool:
        value = text[start:end]
        # Beside an IBAN in capitals there may be small letters, as in "ibanDE89…"; beside others, none.
        beside = "0-9A-Z" if value == value.upper() else "0-9A-Za-z"
        stuck = re.search(f"[{beside}]", text[max(0, start - 1) : start] + text[end : end + 1]) is not None
        plain = "".join(character for character in value if character not in _MARKS).upper()
        return not stuck and is_iban(plain) and self.validate(plain) is not False


def _end_of(text: str, start: int) -> int:
    """Where the number that begins at ``start`` must end by its country's length; 0 when the text does not have it."""
    missing = country_lengths()[text[start : start + 2].upper()]
    at, marks = start, 0
    for character in text[start : start + 2 * _CHARS_MAX]:
        at += 1
        if character.isascii() and character.isalnum():
            missing, marks = missing - 1, 0
            if not missing:
                return at
        elif character in _MARKS and not marks:
            marks = 1
        else:
            return 0
    return 0


@cache
def _head() -> Pattern:
    countries = "|".join(sorted(country_lengths()))
    mark = f"[{_MARKS}]?"
    return compile_pattern(
        rf"(?i)(?:{countries}){mark}[0-9]{{2}}{mark}[A-Z0-9]{{4}}{mark}[A-Z0-9]{{4}}{mark}[A-Z0-9]{{3}}"
    )


@cache
def _country() -> re.Pattern[str]:
    return re.compile(rf"(?=(?:{'|'.join(sorted(country_lengths()))})[{_MARKS}]?[0-9]{{2}})", re.IGNORECASE)
