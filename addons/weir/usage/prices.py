"""What an exchange cost, in integer nano-dollars, from the price list that genai-prices bundles."""

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

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

__all__ = ["NO_CHARGE", "UNPRICED", "Prices"]

UNPRICED = Cost()
NO_CHARGE = Cost(0, "no-usage")

_TABLE = Path(__file__).parent / "data" / "prices.yaml"
_KNOWN = 4096  # (provider, model) pairs remembered: model names come from clients, so there must be an end
_LONGEST = 256  # characters of a model name; longer ones aren't looked up

Found = tuple["Provider", "ModelInfo"] | None


class Prices:
    """Prices of models. Safe for use by several threads at once; nothing in it fetches anything."""

    def __init__(self, ids: dict[str, str]) -> None:
        self._ids = ids
        self._found: dict[tuple[str, str], Found] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, *, warm: bool = False) -> Prices:
        """The bundled prices. genai-prices itself (0.25 s to import) comes in with the first price unless ``warm``."""
        prices = cls(
            {str(ours): str(theirs) for ours, theirs in yaml.safe_load(_TABLE.read_text())["providers"].items()}
        )
        if warm:
            prices.warm()
        return prices

    def warm(self) -> None:
        """Import the price list now: call it once from a worker thread, before the first request wants a price."""
        _library()

    def cost(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        """The cost of ``usage`` on ``model`` at ``at`` (UTC when it has no zone), prices as they stood at that time.

        ``provider`` is weir's provider id. An unknown provider or model is ``Cost(None, "unpriced")``, never zero.
        """
        found = self._find(provider, model)
        if found is None:
            return UNPRICED
        theirs, info = found
        make_usage, version = _library()
        read, write = max(usage.cache_read_tokens, 0), max(usage.cache_write_tokens, 0)
        reported = make_usage(
            # Ours and theirs both count the cache in; a reply that reports less than its own cache tokens is mended.
            input_tokens=max(usage.input_tokens, read + write),
            cache_read_tokens=read,
            cache_write_tokens=write,
            output_tokens=max(usage.output_tokens, 0),
        )
        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
        try:
            total = info.calc_price(reported, theirs, genai_request_timestamp=moment).total_price
        except ValueError:
            # The list prices this model by something we don't have (seconds, images): that is no price for tokens.
            return UNPRICED
        nano = int((total * Decimal(1_000_000_000)).to_integral_value(ROUND_HALF_UP))
        return Cost(nano, f"{theirs.id}/{info.id}@genai-prices-{version}")

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
    """genai-prices' Usage and version; its import is late because it takes a quarter of a second."""
    import genai_prices

    return genai_prices.Usage, genai_prices.__version__
