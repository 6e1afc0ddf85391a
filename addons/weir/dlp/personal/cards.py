"""Payment cards: digits grouped as on a card, whose first ones belong to a network, with a right check digit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from weir.dlp.core.patterns import Deadline, compile_pattern
from weir.dlp.core.prefilter import Source
from weir.dlp.personal.checksums import luhn
from weir.dlp.personal.context import ContextWords
from weir.dlp.personal.packs import read

__all__ = ["CardDetector", "network_lengths"]

_DIGITS_MIN, _DIGITS_MAX = 12, 19
_PREFIX_MAX = 6
_CARD_CHARS_MAX = 2 * _DIGITS_MAX
# Where a card may begin: twelve digits with at most one mark between two of them.
_HEAD = r"(?<![0-9A-Za-z_])[0-9](?:[ .-]?[0-9]){11}"
_GROUP = re.compile("[0-9]+")
_MARKS = frozenset(" .-")
_WORD = re.compile("[0-9A-Za-z_]")
# As cards carry them; all others need a word such as "card" nearby.
_REGULAR = re.compile(r"(?:4,){3}[1-4]|(?:4,){4}[1-3]|4,6,[45]|4,3,3,[34]|6,13")

Lengths = Mapping[str, tuple[frozenset[int], frozenset[int]]]


@cache
def network_lengths() -> Lengths:
    """For each prefix the numbers of digits that its networks' cards have, and those of them that suffice bare."""
    table: dict[str, tuple[frozenset[int], frozenset[int]]] = {}
    for network in read("cards.yaml")["networks"]:
        lengths, bare = frozenset(network["lengths"]), frozenset(network["bare"])
        for prefix in _prefixes(network):
            known = table.get(prefix, (frozenset[int](), frozenset[int]()))
            table[prefix] = (known[0] | lengths, known[1] | bare)
    return table


def _prefixes(network: Mapping[str, Any]) -> Iterator[str]:
    for prefix in network["prefixes"]:
        first, _, last = str(prefix).partition("-")
        yield from map(str, range(int(first), int(last) + 1)) if last else (first,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDetector:
    """Card numbers. A passed Luhn check makes 1.0, as in Presidio, but only for a number that a network may issue."""

    severity: str
    threshold: float
    context: ContextWords
    entity: str = "CREDIT_CARD"

    @property
    def name(self) -> str:
        """pii/CREDIT_CARD."""
        return f"pii/{self.entity}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The beginning of a card."""
        return (Source(_HEAD),)

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """Cards from left to right, none inside another. Raises TimeoutError."""
        done = 0
        for head in _HEAD_PATTERN.finditer(text, timeout=deadline.left()):
            deadline.left()
            # A group that begins in this head begins no other, and one before a card may have nothing to do with it.
            for group in _GROUP.finditer(text, head.start(), head.end()):
                if group.start() >= done and (end := self._card_from(text, group.start())):
                    done = end
                    yield group.start(), end, 1.0

    def _card_from(self, text: str, start: int) -> int:
        """Where the longest card that begins at ``start`` ends; 0 when there is none."""
        digits, sizes, found, at = "", "", 0, start
        for group in _GROUP.finditer(text, start, start + _CARD_CHARS_MAX):
            if at != start and (group.start() != at + 1 or text[at] not in _MARKS):
                break
            at = group.end()
            digits += group.group()
            sizes += f"{',' if sizes else ''}{at - group.start()}"
            if len(digits) > _DIGITS_MAX:
                break
            if (
                len(digits) >= _DIGITS_MIN
                and not _WORD.match(text, at)
                and self._is_card(text, digits, sizes, start, at)
            ):
                found = at
        return found

    def _is_card(self, text: str, digits: str, sizes: str, start: int, end: int) -> bool:
        lengths, bare = _lengths_of(digits)
        if len(digits) not in lengths or not luhn(digits):
            return False
        enough = len(digits) in bare if "," not in sizes else _REGULAR.fullmatch(sizes) is not None
        return enough or self.context.around(text, start, end)


def _lengths_of(digits: str) -> tuple[frozenset[int], frozenset[int]]:
    lengths, bare = frozenset[int](), frozenset[int]()
    table = network_lengths()
    for size in range(1, _PREFIX_MAX + 1):
        known = table.get(digits[:size])
        if known is not None:
            lengths, bare = lengths | known[0], bare | known[1]
    return lengths, bare


_HEAD_PATTERN = compile_pattern(_HEAD)
