"""Asking for room step by step: what is to be done next, and what comes out in the end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from weir.limits.batch import Answer, Release
from weir.limits.budget import Claim, Refused, Standing
from weir.limits.rates import Limited

__all__ = ["Admitted", "Again", "Count", "Shrink", "Steps"]


@dataclass(frozen=True, slots=True)
class Count:
    """To be answered with what this rough claim is, counted."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Shrink:
    """What is held of these accounts (ids) by rough claims is to be counted; whether there was any."""

    accounts: tuple[str, ...]


# What to ask of the ledger: hold this claim, or give one back. Or what to count first.
type Steps[T] = Generator[Claim | Release | Count | Shrink, Answer | Claim, T]
Again = Callable[[str, tuple[str, ...]], Claim]  # the claim for another model, that these budgets let pass


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request may go. ``held`` is False when nothing is held in the ledger for it. ``refused``: what stood in its
    way, overcome by a downgrade (the claim is for the other model then, and ``asked`` the one before) or only
    observed."""

    claim: Claim
    held: bool = False
    warnings: tuple[Standing, ...] = ()
    refused: Refused | Limited | None = None
    asked: Claim | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims by which it has places among the streams."""
        return (self.claim,) if self.asked is None else (self.claim, self.asked)
