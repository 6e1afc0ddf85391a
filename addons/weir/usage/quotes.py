"""What a model costs and who says so: the answer of ``weir prices show``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from weir.usage.overrides import Entry
from weir.usage.prices import Prices

__all__ = ["Quote", "quotes"]

_KINDS = {"input": "input_mtok", "output": "output_mtok", "cache_read": "cache_read_mtok",
          "cache_write": "cache_write_mtok"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quote:
    """Dollars a million tokens of one model of one provider. None: no price of its own (a cache's is the input's).

    ``tiers`` holds, by the tokens of input that must be exceeded, what each kind costs then. ``other`` names prices
    that are not for tokens, or for kinds of tokens that weir does not tell apart. ``source`` is where it comes from.
    """

    provider: str
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    tiers: Mapping[int, Mapping[str, Decimal]] = field(default_factory=dict)
    other: tuple[str, ...] = ()
    price_id: str = "unpriced"
    source: str = "unpriced"


def quotes(prices: Prices, model: str, provider: str = "", at: datetime | None = None) -> list[Quote]:
    """The price of ``model`` at ``at`` (now) with ``provider`` (weir's id), or with every provider that has one.

    With a provider there is always one quote, ``unpriced`` when nothing is known; without one the list may be empty.
    """
    moment = at or datetime.now(UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if provider:
        return [_quote(prices, provider, model, moment)]
    names = dict.fromkeys([*_own(prices, model, moment), *prices.providers_of(model)])
    return [_quote(prices, name, model, moment) for name in names]


def _own(prices: Prices, model: str, at: datetime) -> list[str]:
    """Providers that overrides name in full; one with a glob shows at the providers that it fits."""
    named = (p for entry in prices.overrides.entries for p in entry.provider if not set(p) & set("*?["))
    found = ((name, prices.overrides.find(name, model, at)) for name in named)
    return [name for name, own in found if own is not None]


def _quote(prices: Prices, provider: str, model: str, at: datetime) -> Quote:
    own = prices.overrides.find(provider, model, at)
    if own is not None:
        return _of_entry(own[0], provider, f"{prices.overrides.file}:{own[1]}")
    found = prices.find(provider, model)
    if found is None:
        return Quote(provider)
    theirs, info = found
    charged: dict[str, Any] = {key: value for key, value in vars(info.get_prices(at)).items() if value is not None}
    if not charged:
        return Quote(provider)
    base: dict[str, Decimal] = {}
    tiers: dict[int, dict[str, Decimal]] = {}
    for kind, key in _KINDS.items():
        value = charged.pop(key, None)
        if value is None:
            continue
        base[kind] = value if isinstance(value, Decimal) else value.base
        for tier in getattr(value, "tiers", ()):
            tiers.setdefault(tier.start, {})[kind] = tier.price
    rest = tuple(sorted(charged))
    return Quote(
        provider, **base, tiers=dict(sorted(tiers.items())), other=rest,
        price_id=prices.price_id(theirs, info), source=prices.public.name,
    )  # fmt: skip


def _of_entry(entry: Entry, provider: str, place: str) -> Quote:
    tiers = {
        tier.above: {kind: value for kind in _KINDS if (value := getattr(tier, kind)) is not None}
        for tier in entry.tiers
    }
    values = {kind: getattr(entry, kind) for kind in _KINDS}
    return Quote(provider, **values, tiers=tiers, price_id=entry.id, source=f"override {place}")
