"""What an exchange cost, in integer nano-dollars: by the operator's own prices, else by the list of genai-prices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
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

_NOTHING: Mapping[str, int | float] = {}
# What genai-prices calls the conditions of a tier, where that isn't its service tier.
_CONTEXTS: Mapping[str, Mapping[str, str]] = {"batch": {"processing": "batch"}, "fast": {"speed": "fast"}}

Found = tuple["Provider", "ModelInfo"] | None


def _price(
    theirs: Provider,
    info: ModelInfo,
    at: datetime,
    *counts: int,
    parts: Mapping[str, int | float] = _NOTHING,
    context: Mapping[str, str] | None = None,
) -> Decimal | None:
    """What the library says; None where the model is priced by something we don't have (seconds, images)."""
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    usage = _usage_class()(**dict(zip(names, counts, strict=True)), **parts)
    try:
        return info.calc_price(usage, theirs, genai_request_timestamp=at, price_context=context).total_price
    except ValueError:
        return None


def _whole(parts: Mapping[str, int], counts: tuple[int, int, int, int]) -> dict[str, int | float]:
    """``parts`` as the library takes them: seconds for milliseconds, and of no kind more than of the whole.

    Where a cache held some of the prompt, it wants to know how much of that was of each kind; what isn't reported is 0.
    """
    whole_input, read, write, output = counts
    found: dict[str, int | float] = {}
    for name, count in parts.items():
        if name == "audio_ms":
            found["audio_seconds"] = count / 1000
            continue
        bound = {"input": whole_input, "cache_write": write, "cache": read, "output": output}
        of = next((most for start, most in bound.items() if name.startswith(f"{start}_")), count)
        found[name] = min(count, of) if name.endswith("_tokens") else count
    for kind in ("audio", "image"):
        if f"input_{kind}_tokens" in found and read:
            found.setdefault(f"cache_{kind}_read_tokens", 0)
    return found


def _probe(standard: ModelPrice) -> Rates | None:
    """Rates as the library itself gives them for a million tokens of each kind; None when anything else is charged."""
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    kinds = ((MILLION, 0, 0, 0), (MILLION, MILLION, 0, 0), (MILLION, 0, MILLION, 0), (0, 0, 0, MILLION))
    prices: list[Decimal] = []
    for counts in ((0, 0, 0, 0), *kinds):
        usage = _usage_class()(**dict(zip(names, counts, strict=True)))
        try:
            prices.append(standard.calc_price(usage)["total_price"])
        except ValueError:
            return None
    return None if prices[0] else Rates(*prices[1:])


def _step(standard: ModelPrice, whole_input: int) -> tuple[Decimal, ...]:
    """What prompts of this length pay a million tokens of each kind that has steps; () where nothing has."""
    found = []
    for value in vars(standard).values():
        if value is not None and not isinstance(value, Decimal):
            reached = [tier.price for tier in value.tiers if whole_input > tier.start]  # in ascending order
            found.append(reached[-1] if reached else value.base)
    return tuple(found)


def _level(standard: ModelPrice, step: tuple[Decimal, ...]) -> ModelPrice:
    """The entry with these prices in place of those with steps."""
    those = iter(step)
    flat = {
        name: value if value is None or isinstance(value, Decimal) else next(those)
        for name, value in vars(standard).items()
    }
    return type(standard)(**flat)


@cache
def _ids() -> dict[str, str]:
    """The library's name of each provider of ours."""
    table = yaml.safe_load(_TABLE.read_text())["providers"]
    return {str(ours): str(theirs) for ours, theirs in table.items()}


class Prices:
    """Prices of models. Safe for use by several threads at once; nothing in it fetches anything."""

    def __init__(self, ids: dict[str, str], overrides: Overrides = NOTHING, prices: PriceList | None = None) -> None:
        self.overrides = overrides
        self._ids = ids
        self._list = prices
        self._own: dict[tuple[str, str], tuple[tuple[Entry, int], ...]] = {}
        self._found: dict[tuple[str, str], Found] = {}
        self._rates: dict[tuple[int, tuple[Decimal, ...]], Rates | None] = {}
        self._telling: dict[int, bool] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, *, warm: bool = False, overrides: Overrides = NOTHING, folder: Path | None = None) -> Prices:
        """The operator's ``overrides``, then the vetted list in ``folder`` if there is one, else the bundled list.

        genai-prices itself (0.4 s) is loaded with the first price unless ``warm``. Raises PriceListError for a vetted
        list that is damaged: prices that somebody chose are not silently replaced by others.
        """
        prices = cls(_ids(), overrides, newest(folder) if folder is not None and folder.is_dir() else None)
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
        if usage.parts or usage.tier:
            return self._special(theirs, info, moment, usage, counts)
        standard = info.get_prices(moment)
        if not self._tells(standard):
            return UNPRICED  # the list knows the model and not what its tokens cost; the library would say nothing
        rates = self._rates_of(standard, counts[0])
        total = rates.price(*counts) if rates is not None else _price(theirs, info, moment, *counts)
        return UNPRICED if total is None else _cost(total, self.price_id(theirs, info))

    def _special(
        self, theirs: Provider, info: ModelInfo, moment: datetime, usage: Usage, counts: tuple[int, int, int, int]
    ) -> Cost:
        """The cost of what has a price of its own: sound, pictures, seconds, characters; batches and other tiers."""
        context = _CONTEXTS.get(usage.tier, {"service_tier": usage.tier}) if usage.tier else {}
        if not any(value is not None for value in vars(info.get_prices(moment, context)).values()):
            return UNPRICED
        told = context and vars(info.get_prices(moment, context)) != vars(info.get_prices(moment))
        tier = usage.tier if told else ""
        for parts in (dict(usage.parts), {}):
            total = _price(theirs, info, moment, *counts, parts=_whole(parts, counts), context=context)
            if total is not None:
                break
        if not total and not any(counts):
            return UNPRICED  # something was used, and none of it is what the list has a price for
        return UNPRICED if total is None else _cost(total, self.price_id(theirs, info, tier))

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

    def price_id(self, theirs: Provider, info: ModelInfo, tier: str = "") -> str:
        """What an audit record names as a price of the public list: its provider, its model, its tier, the list."""
        return f"{theirs.id}/{info.id}{f'+{tier}' if tier else ''}@{self.public.name}"

    def providers_of(self, model: str) -> list[str]:
        """weir's ids of the providers whose public price for ``model`` is known."""
        ours = {theirs: weirs for weirs, theirs in self._ids.items()}
        every = [ours.get(theirs.id, theirs.id) for theirs in self.public.providers]
        every += [weirs for weirs in self._ids if weirs not in every]  # two of ours may be one of theirs
        return sorted(provider for provider in every if self.find(provider, model))

    def _tells(self, standard: ModelPrice) -> bool:
        """Whether an entry of the price list says what tokens cost."""
        known = self._telling.get(id(standard))  # entries live as long as the list, and that as long as this object
        if known is None:
            some = (value is not None for name, value in vars(standard).items() if name.endswith("_mtok"))
            known = self._telling[id(standard)] = any(some)
        return known

    def _rates_of(self, standard: ModelPrice, whole_input: int) -> Rates | None:
        """The rates of a price list entry for a prompt of this length; None for one that charges by something else."""
        step = _step(standard, whole_input)
        key = (id(standard), step)  # entries live as long as the list, and that as long as this object
        if key not in self._rates:
            self._rates[key] = _probe(_level(standard, step))
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
