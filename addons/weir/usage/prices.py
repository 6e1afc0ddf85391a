"""What an exchange cost, in integer nano-dollars, from the price list that genai-prices bundles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from weir.model import Cost, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

__all__ = ["NO_CHARGE", "UNPRICED", "Prices"]

UNPRICED = Cost()
NO_CHARGE = Cost(0, "no-usage")

_TABLE = Path(__file__).parent / "data" / "prices.yaml"
_KNOWN = 4096  # (provider, model) pairs remembered: model names come from clients, so there must be an end
_LONGEST = 256  # characters of a model name; longer ones aren't looked up

_NANO = Decimal(1_000_000_000)
_MILLION = 1_000_000

Found = tuple["Provider", "ModelInfo"] | None


@dataclass(frozen=True, slots=True)
class _Rates:
    """Dollars a million tokens of each kind. The library takes 100 µs and more a call; this is its own arithmetic."""

    plain: Decimal
    cache_read: Decimal
    cache_write: Decimal
    output: Decimal

    def price(self, whole_input: int, read: int, write: int, output: int) -> Decimal:
        """Dollars for these counts; ``whole_input`` includes the cache's."""
        plain = whole_input - read - write
        dollars_millions = plain * self.plain + read * self.cache_read + write * self.cache_write + output * self.output
        return dollars_millions / _MILLION


def _price(theirs: Provider, info: ModelInfo, at: datetime, *counts: int) -> Decimal | None:
    """What the library says; None where the model is priced by something we don't have (seconds, images)."""
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    usage = _library()[0](**dict(zip(names, counts, strict=True)))
    try:
        return info.calc_price(usage, theirs, genai_request_timestamp=at).total_price
    except ValueError:
        return None


def _probe(theirs: Provider, info: ModelInfo, at: datetime) -> _Rates | None:
    """Rates as the library itself gives them for a million tokens of each kind; None when anything else is charged."""
    nothing = _price(theirs, info, at, 0, 0, 0, 0)
    kinds = ((_MILLION, 0, 0, 0), (_MILLION, _MILLION, 0, 0), (_MILLION, 0, _MILLION, 0), (0, 0, 0, _MILLION))
    prices = [_price(theirs, info, at, *counts) for counts in kinds]
    if nothing != 0 or any(price is None for price in prices):
        return None
    return _Rates(*(price for price in prices if price is not None))


class Prices:
    """Prices of models. Safe for use by several threads at once; nothing in it fetches anything."""

    def __init__(self, ids: dict[str, str]) -> None:
        self._ids = ids
        self._found: dict[tuple[str, str], Found] = {}
        self._rates: dict[int, _Rates | None] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, *, warm: bool = False) -> Prices:
        """The bundled prices. genai-prices itself (0.4 s) is loaded with the first price unless ``warm``."""
        prices = cls(
            {str(ours): str(theirs) for ours, theirs in yaml.safe_load(_TABLE.read_text())["providers"].items()}
        )
        if warm:
            prices.warm()
        return prices

    def warm(self) -> None:
        """Load the price list now (0.4 s): call it once from a worker thread, before a request wants a price."""
        self._look_up("openai", "gpt-4o")

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        """The cost of ``usage`` on ``model`` at ``at`` (UTC when it has no zone), prices as they stood at that time.

        ``provider`` is weir's provider id. An unknown provider or model is ``Cost(None, "unpriced")``, never zero.
        """
        found = self._find(provider, model)
        if found is None:
            return UNPRICED
        theirs, info = found
        read, write = max(usage.cache_read_tokens, 0), max(usage.cache_write_tokens, 0)
        # Ours and theirs both count the cache in; a reply that reports less than its own cache tokens is mended.
        counts = (max(usage.input_tokens, read + write), read, write, max(usage.output_tokens, 0))
        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
        rates = self._rates_of(info.get_prices(moment), theirs, info, moment)
        if rates is not None:
            total = rates.price(*counts)
        else:
            priced = _price(theirs, info, moment, *counts)
            if priced is None:
                return UNPRICED
            total = priced
        nano = int((total * _NANO).to_integral_value(ROUND_HALF_UP))
        return Cost(nano, f"{theirs.id}/{info.id}@genai-prices-{_library()[1]}")

    def _rates_of(self, standard: ModelPrice, theirs: Provider, info: ModelInfo, moment: datetime) -> _Rates | None:
        """The rates of a price list entry that is linear in its tokens; None for one that has tiers or can't price."""
        key = id(standard)  # entries live as long as the library's snapshot, which is never replaced
        if key not in self._rates:
            tiered = any(not isinstance(value, Decimal) for value in vars(standard).values() if value is not None)
            self._rates[key] = None if tiered else _probe(theirs, info, moment)
        return self._rates[key]

    def _find(self, provider: str, model: str) -> Found:
        if not provider or not model or len(model) > _LONGEST:
            return None
        key = (provider, model)
        try:
            return self._found[key]
        except KeyError:
            found = self._look_up(provider, model)
        with self._lock:
            if len(self._found) >= _KNOWN:
                self._found.clear()
            self._found[key] = found
        return found

    def _look_up(self, provider: str, model: str) -> Found:
        _library()
        from genai_prices.data_snapshot import get_snapshot

        snapshot = get_snapshot()
        wanted = self._ids.get(provider, provider)
        # By exact id: the library's own provider matching is generous, and a wrong price is worse than none.
        theirs = next((p for p in snapshot.providers if p.id == wanted), None)
        info = theirs.find_model(model, all_providers=snapshot.providers) if theirs else None
        return (theirs, info) if theirs and info else None


@cache
def _library() -> tuple[Callable[..., object], str]:
    """genai-prices' Usage and version; its import is late because it takes a good quarter of a second."""
    import genai_prices

    return genai_prices.Usage, genai_prices.__version__
