"""Dollars a million tokens of each kind, and the arithmetic over them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["MILLION", "Rates"]

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars a million tokens of each kind. ``plain`` is input that no cache has a part in."""

    plain: Decimal
    cache_read: Decimal
    cache_write: Decimal
    output: Decimal

    def price(self, whole_input: int, read: int, write: int, output: int) -> Decimal:
        """Dollars for these counts; ``whole_input`` includes the cache's."""
        plain = whole_input - read - write
        dollars_millions = plain * self.plain + read * self.cache_read + write * self.cache_write + output * self.output
        return dollars_millions / MILLION
