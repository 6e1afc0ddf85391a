"""The conditions that differences.yaml names: each judges one result from its text and the packs' data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import phonenumbers
import yaml

from golden.dlp_equivalence.full import Result, entities, recognizers
from weir.dlp.personal import reserved
from weir.dlp.personal.cards import network_lengths
from weir.dlp.personal.checksums import luhn
from weir.dlp.personal.context import ContextWords
from weir.dlp.personal.ibans import is_iban
from weir.dlp.personal.presidio import known_entities

__all__ = ["Case", "explained", "kinds"]

_SHAPE = re.compile(
    r"\+[1-9][\d ().\-/]{6,24}|\(0?\d{2,4}\)[ /-]?\d{3,5}[ -]?\d{3,5}|(?:1[ .-])?[2-9]\d{2}([ .-])[2-9]\d{2}\1\d{4}|"
    r"0[1-9](?:[ .-]\d{2}){4}|0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}"
)
_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")


@dataclass(frozen=True, slots=True)
class Case:
    """One result that only one side has, in its text, and all results of the other side."""

    text: str
    result: Result
    others: frozenset[Result]

    @property
    def value(self) -> str:
        return self.text[self.result.start : self.result.end]

    @property
    def digits(self) -> str:
        return re.sub(r"\D", "", self.value)

    def has_word(self) -> bool:
        return _words(self.result.entity).around(self.text, self.result.start, self.result.end)


@cache
def _words(entity: str) -> ContextWords:
    known = known_entities()[entity]
    theirs = recognizers()[known.recognizer].context if known.recognizer and not known.context else ()
    return ContextWords((*known.context, *(theirs or ()), *known.also))


def _needs_a_word_and_has_none(case: Case) -> bool:
    entity = known_entities()[case.result.entity]
    recognizer = recognizers().get(entity.recognizer)
    scores = {p.score for p in recognizer.patterns if p.name == case.result.pattern} if recognizer else set()
    weak = bool(scores) and min(scores) < 0.4
    needs = (
        entity.needs_context == "always"
        or (entity.needs_context in ("weak", "bare") and weak)
        or (entity.needs_context == "bare" and case.value.isdigit())
    )
    return needs and not case.has_word()


def _lengths(case: Case) -> tuple[set[int], set[int]]:
    found = [network_lengths().get(case.digits[:size], ((), ())) for size in range(1, 7)]
    return {n for lengths, _ in found for n in lengths}, {n for _, bare in found for n in bare}


def _card_needs_a_word_and_has_none(case: Case) -> bool:
    sizes = [len(part) for part in re.split(r"\D", case.value)]
    regular = sizes in ([4, 4, 4, 4], [4, 6, 5], [4, 6, 4], [4, 3, 3, 3], [4, 3, 3, 4], [4, 4, 4, 1])
    bare = sizes == [len(case.digits)] and len(case.digits) in _lengths(case)[1]
    return not regular and not bare and not case.has_word()


def _is_no_address_there(case: Case) -> bool:
    place = case.text, case.result.start, case.result.end
    return reserved.is_no_address(*place) or (reserved.is_doubtful_address(*place) and not case.has_word())


def _valid_phone(case: Case) -> bool:
    for region in _REGIONS:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(case.value, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


_CONDITIONS: Mapping[str, Callable[[Case], bool]] = {
    "needs_a_word_and_has_none": _needs_a_word_and_has_none,
    "pattern_is_left_out": lambda case: case.result.pattern in known_entities()[case.result.entity].without,
    "is_nobodys_mailbox": lambda case: reserved.is_nobodys_mailbox(case.value),
    "is_nobodys_address": lambda case: reserved.is_nobodys_address(case.value),
    "is_no_address_there": _is_no_address_there,
    "no_network_issues_it": lambda case: len(case.digits) not in _lengths(case)[0] or len(set(case.digits)) == 1,
    "card_needs_a_word_and_has_none": _card_needs_a_word_and_has_none,
    "goes_on": lambda case: case.text[case.result.end : case.result.end + 1].isalnum(),
    "phone_without_shape_or_word": lambda case: not (_SHAPE.fullmatch(case.value) or case.has_word()),
    "phone_grown_together": lambda case: (
        re.search(r"[\w.+@#/-]$", case.text[: case.result.start]) is not None
        or re.match(r"[\w@]|[.-]\d", case.text[case.result.end :]) is not None
    ),
    "overlaps_one_of_ours": lambda case: any(
        other.entity == case.result.entity and other.start < case.result.end and case.result.start < other.end
        for other in case.others
    ),
    "has_a_word": lambda case: case.has_word(),
    "presidio_has_no_such_entity": lambda case: case.result.entity not in entities(),
    "iban_is_right": lambda case: is_iban(re.sub(r"[^0-9A-Za-z]", "", case.value).upper()),
    "card_is_right": lambda case: len(case.digits) in _lengths(case)[0] and luhn(case.digits),
    "phone_is_right": _valid_phone,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry of differences.yaml."""

    id: str
    only: str
    entities: tuple[str, ...]
    when: Callable[[Case], bool]
    why: str


@cache
def kinds() -> tuple[Kind, ...]:
    """All of differences.yaml."""
    rows = yaml.safe_load(Path(__file__).with_name("differences.yaml").read_text())
    return tuple(Kind(**{**row, "entities": tuple(row["entities"]), "when": _CONDITIONS[row["when"]]}) for row in rows)


def explained(only: str, case: Case) -> str:
    """The id of the first kind of difference that ``case`` is; "" when it is none."""
    for kind in kinds():
        if kind.only == only and (kind.entities == ("*",) or case.result.entity in kind.entities) and kind.when(case):
            return kind.id
    return ""
