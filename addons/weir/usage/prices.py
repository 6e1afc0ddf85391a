"""What an exchange cost, in integer nano-dollars: by the operator's own prices, else by the list of genai-prices."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from weir.model import Cost, Usage
from weir.usage.overrides import NOTHING, Entry, Overrides, first
from weir.usage.rates import MILLION, Rates
from weir.usage.snapshots import PriceList, bundled, newest

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

__all__ = ["NO_CHARGE", "UNPRICED", "Prices"]

UNPRICED = Cost()
NO_CHARGE = Cost(0, "no-usage")

_TABLE = Path(__file__).parent / "data" / "prices.yaml"
_KNOWN = 4096  # (provider, model) pairs remembered: model names come from clients, so there must be an end
_LONGEST = 256  # characters of a model name; longer ones aren't looked up

_NANO = Decimal(1_000_000_000)

Found = tuple["Provider", "ModelInfo"] | None


def _price(theirs: Provider, info: ModelInfo, at: datetime, *counts: int) -> Decimal | None:
    """What the library says; None where the model is priced by something we don't have (seconds, images)."""
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    usage = _usage_class()(**dict(zip(names, counts, strict=True)))
    try:
        return info.calc_price(usage, theirs, genai_request_timestamp=at).total_price
    except ValueError:
        return None


def _probe(theirs: Provider, info: ModelInfo, at: datetime) -> Rates | None:
    """Rates as the library itself gives them for a million tokens of each kind; None when anything else is charged."""
    nothing = _price(theirs, info, at, 0, 0, 0, 0)
    kinds = ((MILLION, 0, 0, 0), (MILLION, MILLION, 0, 0), (MILLION, 0, MILLION, 0), (0, 0, 0, MILLION))
    prices = [_price(theirs, info, at, *counts) for counts in kinds]
    if nothing != 0 or any(price is None for price in prices):
        return None
    return Rates(*(price for price in prices if price is not None))


class Prices:
    """Prices of models. Safe for use by several threads at once; nothing in it fetches anything."""

    def __init__(self, ids: dict[str, str], overrides: Overrides = NOTHING, prices: PriceList | None = None) -> None:
        self.overrides = overrides
        self._ids = ids
        self._list = prices
        self._own: dict[tuple[str, str], tuple[tuple[Entry, int], ...]] = {}
        self._found: dict[tuple[str, str], Found] = {}
        self._rates: dict[int, Rates | None] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, *, warm: bool = False, overrides: Overrides = NOTHING, folder: Path | None = None) -> Prices:
        """The operator's ``overrides``, then the vetted list in ``folder`` if there is one, else the bundled list.

        genai-prices itself (0.4 s) is loaded with the first price unless ``warm``. Raises PriceListError for a vetted
        list that is damaged: prices that somebody chose are not silently replaced by others.
        """
        table = yaml.safe_load(_TABLE.read_text())["providers"]
        ids = {str(ours): str(theirs) for ours, theirs in table.items()}
        prices = cls(ids, overrides, newest(folder) if folder is not None and folder.is_dir() else None)
        if warm:
            prices.warm()
        return prices

    @property
    def public(self) -> PriceList:
        """The public list in force."""
        if self._list is None:
            self._list = bundled()
        return self._list

    def warm(self) -> None:
        """Load the price list now (0.4 s): call it once from a worker thread, before a request wants a price."""
        self._look_up("openai", "gpt-4o")
        _usage_class()

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        """The cost of ``usage`` on ``model`` at ``at`` (UTC when it has no zone), prices as they stood at that time.

        ``provider`` is weir's provider id. An unknown provider or model is ``Cost(None, "unpriced")``, never zero.
        """
        read, write = max(usage.cache_read_tokens, 0), max(usage.cache_write_tokens, 0)
        # Ours and theirs both count the cache in; a reply that reports less than its own cache tokens is mended.
        counts = (max(usage.input_tokens, read + write), read, write, max(usage.output_tokens, 0))
        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
        if entry := self._own_entry(provider, model, moment):
            return _cost(entry.rates(counts[0]).price(*counts), entry.id)
        found = self.find(provider, model)
        if found is None:
            return UNPRICED
        theirs, info = found
        standard = info.get_prices(moment)
        if not any(value is not None for value in vars(standard).values()):
            return UNPRICED  # the list knows the model and not its price; the library would say nothing at all
        rates = self._rates_of(standard, theirs, info, moment)
        total = rates.price(*counts) if rates is not None else _price(theirs, info, moment, *counts)
        return UNPRICED if total is None else _cost(total, self.price_id(theirs, info))

    def _own_entry(self, provider: str, model: str, moment: datetime) -> Entry | None:
        if not self.overrides.entries or not model or len(model) > _LONGEST:
            return None
        key = (provider, model)
        named = self._own.get(key)
        if named is None:
            named = self.overrides.naming(provider, model)
            with self._lock:
                if len(self._own) >= _KNOWN:
                    self._own.clear()
                self._own[key] = named
        own = first(named, moment)
        return own[0] if own else None

    def price_id(self, theirs: Provider, info: ModelInfo) -> str:
        """What an audit record names as a price of the public list: its provider, its model, the list."""
        return f"{theirs.id}/{info.id}@{self.public.name}"

    def providers_of(self, model: str) -> list[str]:
        """weir's ids of the providers whose public price for ``model`` is known."""
        ours = {theirs: weirs for weirs, theirs in self._ids.items()}
        every = [ours.get(theirs.id, theirs.id) for theirs in self.public.providers]
        every += [weirs for weirs in self._ids if weirs not in every]  # two of ours may be one of theirs
        return sorted(provider for provider in every if self.find(provider, model))

    def _rates_of(self, standard: ModelPrice, theirs: Provider, info: ModelInfo, moment: datetime) -> Rates | None:
        """The rates of a price list entry that is linear in its tokens; None for one that has tiers or can't price."""
        key = id(standard)  # entries live as long as the list, and that as long as this object
        if key not in self._rates:
            tiered = any(not isinstance(value, Decimal) for value in vars(standard).values() if value is not None)
            self._rates[key] = None if tiered else _probe(theirs, info, moment)
        return self._rates[key]

    def find(self, provider: str, model: str) -> Found:
        """The entry of the public list for weir's provider id and a model's name; None when it has none."""
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
        providers = list(self.public.providers)
        wanted = self._ids.get(provider, provider)
        # By exact id: the library's own provider matching is generous, and a wrong price is worse than none.
        theirs = next((p for p in providers if p.id == wanted), None)
        info = theirs.find_model(model, all_providers=providers) if theirs else None
        return (theirs, info) if theirs and info else None


def _cost(dollars: Decimal, price_id: str) -> Cost:
    return Cost(int((dollars * _NANO).to_integral_value(ROUND_HALF_UP)), price_id)


@cache
def _usage_class() -> Callable[..., object]:
    """genai-prices' Usage; its import is late because it takes a good quarter of a second."""
    import genai_prices

    return genai_prices.Usage
