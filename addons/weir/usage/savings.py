"""What a provider's prompt cache saved, or cost: the difference to paying every token of the prompt as a new one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from weir.model import Cost, Usage
from weir.usage.account import Priced

__all__ = ["cache_saved"]


def cache_saved(
    prices: Priced, provider: str, models: Iterable[str], usage: Usage, cost: Cost | None, at: datetime
) -> int | None:
    """Nano-dollars saved; below 0 where writing the cache cost more than reading it saved.

    ``cost`` is what ``usage`` cost at one of ``models``. None where no cache was in play, or where none of the models
    has the price by which it was paid: a sum of several, say.
    """
    read, write = max(usage.cache_read_tokens, 0), max(usage.cache_write_tokens, 0)
    if not read + write or cost is None or cost.nano_usd is None:
        return None
    uncached = replace(
        usage,
        input_tokens=max(usage.input_tokens, read + write),
        cache_read_tokens=0,
        cache_write_tokens=0,
        parts=tuple((name, count) for name, count in usage.parts if not name.startswith("cache_")),
    )
    for model in dict.fromkeys(filter(None, models)):
        whole = prices.cost(provider, model, uncached, at)
        if whole.nano_usd is not None and whole.price_id == cost.price_id:
            return whole.nano_usd - cost.nano_usd
    return None
