"""A policy's sections as budgets and rates to go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from weir import sections
from weir.limits.budget import Budget, Scope, Unit, Window, budget_id
from weir.limits.known import OfKeys
from weir.limits.rates import Rate
from weir.overlaps import literal
from weir.settings import Settings

__all__ = ["MEMORY", "Plan", "budgets", "plan_of", "rates", "written"]

MEMORY = "memory://"


@dataclass(frozen=True, slots=True)
class Plan:
    """All limits of a policy, and where they are counted. The addresses may hold passwords."""

    budgets: tuple[Budget, ...]
    rates: tuple[Rate, ...]
    ledger: Path | str = field(repr=False)
    redis: str = field(default=MEMORY, repr=False)
    timeout_s: float = 2.0
    hold_s: float = 600.0
    owed: Path | None = None  # where use is kept that the ledger could not take
    of_keys: OfKeys | None = None  # what virtual keys bring along
    output_tokens: int = 4096  # held for a reply whose request names no bound


def plan_of(settings: Settings, ledger: Path | str, redis: str = MEMORY, owed: Path | None = None) -> Plan:
    """The limits of a policy, counted in ``ledger`` and ``redis``. Raises ValueError as ``budgets`` does."""
    stores = settings.stores
    return Plan(
        budgets(written(settings)),
        rates(settings.rates),
        ledger,
        redis,
        timeout_s=stores.timeout_ms / 1000,
        hold_s=float(stores.hold_s),
        owed=owed,
        output_tokens=stores.output_tokens,
    )


def written(settings: Settings) -> tuple[sections.Budget, ...]:
    """All budgets of a policy: its section ``budgets``, then what it allows each of its ``teams``."""
    of_teams = (
        # As it was validated: dollars are nano-dollars by now.
        sections.Budget.model_construct(scope="team", name=literal(name), **dict(allowance))
        for name, team in settings.teams.items()
        for allowance in team.budget
    )
    return (*settings.budgets, *of_teams)


def budgets(written: Sequence[sections.Budget]) -> tuple[Budget, ...]:
    """The budgets of a policy, in its order. Raises ValueError, naming the place in the list, for one that is about
    the same as another: they would share their accounts."""
    made: list[Budget] = []
    for place, one in enumerate(written):
        unit, amount = (Unit.NANO_USD, one.usd) if one.usd is not None else (Unit.TOKENS, one.tokens)
        if amount is None:
            raise ValueError(f"budget {place + 1} has no amount")
        name = "" if one.scope == Scope.ORG else one.name
        key = budget_id(one.scope, unit, one.per, name, one.models, one.services)
        if key in [other.id for other in made]:
            raise ValueError(f"budget {place + 1} is about the same as one before it")
        made.append(
            Budget(
                id=key,
                scope=Scope(one.scope),
                unit=unit,
                amount=amount,
                per=Window(one.per),
                name=name,
                models=one.models,
                services=one.services,
                warn_from=_warn_from(amount, one.warn_at),
                downgrade=dict(one.downgrade),
                unpriced=one.unpriced,
            )
        )
    return tuple(made)


def rates(written: Sequence[sections.Rate]) -> tuple[Rate, ...]:
    """The rates of a policy, in its order. Raises ValueError as ``budgets`` does."""
    made: list[Rate] = []
    for place, one in enumerate(written):
        name = "" if one.scope == Scope.ORG else one.name
        key = budget_id(one.scope, "rate", "minute", name, one.models, one.services)
        if key in [other.id for other in made]:
            raise ValueError(f"rate {place + 1} is about the same as one before it")
        scope = Scope(one.scope)
        made.append(Rate(key, scope, name, one.models, one.services, one.requests, one.tokens, one.streams))
    return tuple(made)


def _warn_from(amount: int, percent: float) -> int | None:
    if not percent:
        return None
    exact = Fraction(str(percent)) * amount / 100
    return -(-exact.numerator // exact.denominator)  # rounded up: 80 % means 80 % at least
