"""Vetted price lists: a genai-prices data file that the operator has read, kept under the data directory.

Nothing here fetches. A list is checked before it is kept and again when it is loaded; the newest one is in force, and
the ones before it stay, since audit records name them. Whoever deletes the newest goes back to the one before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.datadir import write_public

if TYPE_CHECKING:
    from genai_prices.types import Provider

__all__ = ["Difference", "PriceList", "PriceListError", "bundled", "compare", "keep", "newest", "parse"]

_BYTES_MAX = 64 << 20
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)T\d{6}-([0-9a-f]{8})\.json")
_ASKS = "take data.json as genai-prices publishes it"


class PriceListError(ValueError):
    """A price list that cannot be used. One line; it quotes nothing of the file."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Providers with their models' prices, and the name that audit records give to the list."""

    name: str  # genai-prices-0.2.3 | genai-prices-2026-11-21-1f2e3d4c
    providers: tuple[Provider, ...]

    @property
    def models(self) -> int:
        """How many models it prices."""
        return sum(len(provider.models) for provider in self.providers)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a list changes: models that it has and another has not, the other way round, and those priced otherwise."""

    added: int
    removed: int
    changed: int


def bundled() -> PriceList:
    """The list that the installed genai-prices brings along (0.4 s the first time)."""
    import genai_prices
    from genai_prices.data import providers

    return PriceList(f"genai-prices-{genai_prices.__version__}", tuple(providers))


def parse(data: bytes, name: str) -> PriceList:
    """The list in ``data``, every price of it looked at. Raises PriceListError."""
    from genai_prices import types

    if len(data) > _BYTES_MAX:
        raise PriceListError(f"is larger than {_BYTES_MAX >> 20} MiB; {_ASKS}")
    try:
        raw: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise PriceListError(f"is not JSON; {_ASKS}") from None
    if not isinstance(raw, list) or not raw:
        raise PriceListError(f"is not a list of providers; {_ASKS}")
    try:
        providers = tuple(types._providers_from_raw(raw))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise PriceListError(f"is not a price list that this version of genai-prices reads; {_ASKS}") from None
    ids = [provider.id for provider in providers]
    if len(set(ids)) < len(ids):
        raise PriceListError(f"names a provider twice; {_ASKS}")
    for provider in providers:
        for model in provider.models:
            if not _plausible(model.prices):
                raise PriceListError(f"has a price of {provider.id[:40]} that is no price; {_ASKS}")
    found = PriceList(name, providers)
    if not found.models:
        raise PriceListError(f"prices no model; {_ASKS}")
    return found


def _plausible(prices: Any) -> bool:
    """Every number a finite price, not negative: also inside tiers and dated prices."""
    if isinstance(prices, Decimal):
        return prices.is_finite() and prices >= 0
    if isinstance(prices, list):
        return all(_plausible(getattr(part, "prices", part)) for part in prices)
    if hasattr(prices, "tiers"):
        return _plausible(prices.base) and all(_plausible(tier.price) for tier in prices.tiers)
    kinds: Mapping[str, Any] = getattr(prices, "__dict__", {})
    return all(_plausible(value) for value in kinds.values() if value is not None)


def keep(folder: Path, data: bytes, at: datetime) -> tuple[Path, PriceList]:
    """Check ``data`` and put it into ``folder`` as the list in force from the next load. Raises PriceListError."""
    digest = hashlib.sha256(data).hexdigest()[:8]
    path = folder / f"{at:%Y-%m-%dT%H%M%S}-{digest}.json"
    found = parse(data, _name(path))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_public(path, data)
    return path, found


def newest(folder: Path) -> PriceList | None:
    """The list in force out of ``folder``; None when there is none. Raises PriceListError for one that is damaged."""
    names = sorted(path.name for path in folder.glob("*.json") if _NAME.fullmatch(path.name))
    if not names:
        return None
    path = folder / names[-1]
    undo = "put it there again with weir prices update, or delete it to go back to the one before"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PriceListError(f"{path}: cannot be read ({error.strerror}); {undo}") from None
    matched = _NAME.fullmatch(path.name)
    if matched is None or hashlib.sha256(data).hexdigest()[:8] != matched[2]:
        raise PriceListError(f"{path}: was changed since it was put there; {undo}")
    try:
        return parse(data, _name(path))
    except PriceListError as error:
        raise PriceListError(f"{path}: {str(error).partition('; ')[0]}; {undo}") from None


def _name(path: Path) -> str:
    matched = _NAME.fullmatch(path.name)
    return f"genai-prices-{matched[1]}-{matched[2]}" if matched else "genai-prices"


def compare(old: PriceList, new: PriceList) -> Difference:
    """What ``new`` changes against ``old``, in models."""
    before, after = _by_model(old), _by_model(new)
    both = before.keys() & after.keys()
    changed = sum(before[key] != after[key] for key in both)
    return Difference(len(after.keys() - before.keys()), len(before.keys() - after.keys()), changed)


def _by_model(prices: PriceList) -> dict[tuple[str, str], Any]:
    return {(provider.id, model.id): model.prices for provider in prices.providers for model in provider.models}
