"""The operator's own prices: contract rates and self-hosted models, dated, out of one YAML file.

The first entry that fits provider, model and day holds, before any public list. Every mistake names file and line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from weir.fields import Globs, Int, Text, within, wrong
from weir.mistakes import explain
from weir.usage.rates import Rates
from weir.yamlpos import Document, Mistake, PolicyError, read, read_text

__all__ = ["NOTHING", "Entry", "Overrides", "PriceFileError", "first", "load", "loads"]

_DEAREST = 1_000_000  # dollars a million tokens: more is a slip of the pen
_ENTRIES_MAX = 2_000


class PriceFileError(PolicyError):
    """A price file that cannot be used; ``mistakes`` holds every one of them, ``str()`` is one line each."""


def _dollars(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("is not a price", "write dollars a million tokens as a number, such as 2.50")
    if not 0 <= value <= _DEAREST:
        raise wrong("is out of bounds", f"write dollars a million tokens, from 0 to {_DEAREST}")
    return Decimal(str(value))  # by way of its text: 0.1 shall be a tenth


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise wrong("is not a date", "write a date such as 2026-01-31") from None


def _version(value: object) -> object:
    if value != 1 or isinstance(value, bool):
        raise wrong("is not a version this weir reads", "write version: 1")
    return value


Dollars = Annotated[Decimal, BeforeValidator(_dollars)]
Day = Annotated[date, BeforeValidator(_day)]


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Tier(_Part):
    """Prices of a whole exchange whose input is longer than ``above`` tokens; what it leaves out stays as it was."""

    above: Annotated[Int, within(1, 10**9, "tokens")]
    input: Dollars | None = None
    output: Dollars | None = None
    cache_read: Dollars | None = None
    cache_write: Dollars | None = None


class Entry(_Part):
    """One price in dollars a million tokens. ``first`` and ``last`` are days (UTC), both included; None is no end."""

    provider: Globs
    model: Globs
    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="until")
    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None  # None: as input
    cache_write: Dollars | None = None  # None: as input
    tiers: tuple[Tier, ...] = ()
    note: Text = ""

    @cached_property
    def id(self) -> str:
        """What an audit record names as the price: patterns, first day, and a hash of all that the entry says."""
        canonical = json.dumps(self.model_dump(mode="json", exclude={"note"}), sort_keys=True).encode()
        since = f"@{self.first}" if self.first else ""
        return f"override/{self.provider[0]}/{self.model[0]}{since}#{hashlib.sha256(canonical).hexdigest()[:8]}"

    def names(self, provider: str, model: str) -> bool:
        """Whether it is a price of this model of this provider; both in small letters."""
        return _any(provider, self.provider) and _any(model, self.model)

    def holds(self, day: date) -> bool:
        """Whether it holds on this day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def rates(self, whole_input: int = 0) -> Rates:
        """The rates for an exchange with ``whole_input`` tokens of input, the cache's included."""
        tier = next((tier for tier in reversed(self.tiers) if whole_input > tier.above), None)
        plain = self.input if tier is None or tier.input is None else tier.input

        def of(name: str, otherwise: Decimal) -> Decimal:
            named = [getattr(part, name) for part in (tier, self) if part is not None]
            return next((value for value in named if value is not None), otherwise)

        return Rates(plain, of("cache_read", plain), of("cache_write", plain), of("output", self.output))


class _File(_Part):
    version: Annotated[int, BeforeValidator(_version)]
    prices: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Overrides:
    """All entries of a file, in its order."""

    file: str = ""
    entries: tuple[Entry, ...] = ()
    lines: tuple[int, ...] = ()

    def naming(self, provider: str, model: str) -> tuple[tuple[Entry, int], ...]:
        """The entries for a model of a provider (weir's id; case does not matter), of whatever days, with their lines.

        Looks through all entries: for many calls keep the answer.
        """
        provider, model = provider.lower(), model.lower()
        pairs = zip(self.entries, self.lines, strict=True)
        return tuple((entry, line) for entry, line in pairs if entry.names(provider, model))

    def find(self, provider: str, model: str, at: datetime) -> tuple[Entry, int] | None:
        """The entry that holds at ``at`` (aware), and its line."""
        return first(self.naming(provider, model), at)


NOTHING = Overrides()


def first(named: Sequence[tuple[Entry, int]], at: datetime) -> tuple[Entry, int] | None:
    """The first of some entries that holds on the day of ``at`` (aware) in UTC."""
    day = at.astimezone(UTC).date()
    return next(((entry, line) for entry, line in named if entry.holds(day)), None)


def load(path: Path) -> Overrides:
    """The price file at ``path``. Raises PriceFileError with every mistake in it."""
    return _overrides(read(path))


def loads(text: str, file: str = "prices.yaml") -> Overrides:
    """The prices in ``text``; as ``load``."""
    return _overrides(read_text(text, file))


def _overrides(document: Document) -> Overrides:
    if document.mistakes and document.data is None:
        raise PriceFileError(document.mistakes)
    if document.data is None:
        document.data = {}
    made = None
    try:
        made = _File.model_validate(document.data)
    except ValidationError as error:
        explain(error, document, _File)
    if made is not None:
        _cross_check(document, made.prices)
    if made is None or document.mistakes:
        raise PriceFileError(_sorted(document.mistakes)) from None
    for entry in made.prices:  # globs are compiled at their first use: here it is nobody's request that waits for it
        for pattern in (*entry.provider, *entry.model):
            fnmatchcase("", pattern.lower())
    lines = tuple(document.line(("prices", index)) for index in range(len(made.prices)))
    return Overrides(document.file, made.prices, lines)


def _cross_check(document: Document, entries: Sequence[Entry]) -> None:
    if len(entries) > _ENTRIES_MAX:
        document.add(("prices",), f"has more than {_ENTRIES_MAX} entries", "use globs")
        return
    for index, entry in enumerate(entries):
        if entry.first and entry.last and entry.last < entry.first:
            document.add(("prices", index, "until"), "is before the day it begins", "write a later date")
        for number, (lower, higher) in enumerate(pairwise(entry.tiers), 1):
            if higher.above <= lower.above:
                document.add(("prices", index, "tiers", number), "is not above the one before it", "sort the tiers")
    seen: dict[tuple[Globs, Globs], list[int]] = {}
    for index, entry in enumerate(entries):
        seen.setdefault((entry.provider, entry.model), []).append(index)
    for same in seen.values():
        for one, other in combinations(same, 2):
            if _overlap(entries[one], entries[other]):
                line = document.line(("prices", one))
                document.add(("prices", other), f"has days that line {line} has taken", "end one before the other")


def _overlap(one: Entry, other: Entry) -> bool:
    begins = max(one.first or date.min, other.first or date.min)
    return begins <= min(one.last or date.max, other.last or date.max)


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)


def _sorted(mistakes: Sequence[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: mistake.line)
