"""Whether the models that budgets lead to can take the place of those that were asked for, as price lists know them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from weir.settings import Mistake, Settings

if TYPE_CHECKING:
    from weir.sections import Allowance
    from weir.usage.prices import Prices

__all__ = ["elsewhere", "unpriced"]

_GLOB = frozenset("*?[")
_MAKERS = frozenset({"anthropic", "cohere", "deepseek", "google-gemini", "mistral", "openai", "xai"})
_Place = tuple[str | int, ...]


def _allowances(settings: Settings) -> Iterator[tuple[_Place, Allowance]]:
    for index, budget in enumerate(settings.budgets):
        yield ("budgets", index), budget
    for name, team in settings.teams.items():
        for index, allowance in enumerate(team.budget):
            place: _Place = ("teams", name, "budget")
            yield (place if len(team.budget) == 1 else (*place, index)), allowance


def _downgrades(settings: Settings) -> Iterator[tuple[_Place, Allowance, str, str]]:
    for place, allowance in _allowances(settings):
        for asked, other in allowance.downgrade.items():
            yield (*place, "downgrade", asked), allowance, asked, other


def _prices(settings: Settings) -> Prices | None:
    """The operator's prices and the bundled list; None when the operator's can't be read, which is told elsewhere."""
    from weir.usage.overrides import NOTHING, PriceFileError, load
    from weir.usage.prices import Prices

    own = settings.usage.prices
    try:
        return Prices.load(overrides=load(own) if own else NOTHING)
    except PriceFileError:
        return None


def elsewhere(settings: Settings) -> tuple[Mistake, ...]:
    """Downgrades to another maker's model: a request stays with its provider and in its wire format. Models that no
    price list knows are not judged."""
    found = tuple(_downgrades(settings))
    prices = _prices(settings) if found else None
    if prices is None:
        return ()
    mistakes = []
    for place, allowance, asked, other in found:
        # Those that sell other people's models have nearly all: what counts is who makes them, or who was named.
        judged = _MAKERS if not allowance.services else frozenset(allowance.services)
        here, there = _providers(prices, asked, judged), {*judged.intersection(prices.providers_of(other))}
        if here and there and not here & there:
            problem = f"leads to a model of {_some(there)}, and a request stays with {_some(here)}"
            mistakes.append(settings.mistake(place, problem, "write a model of the same provider"))
    return tuple(mistakes)


def unpriced(settings: Settings) -> tuple[Mistake, ...]:
    """Downgrades of budgets in dollars to a model without a price, which the same budget refuses."""
    found = [one for one in _downgrades(settings) if one[1].usd is not None and one[1].unpriced != "allow"]
    prices = _prices(settings) if found else None
    if prices is None:
        return ()
    return tuple(
        settings.mistake(
            place,
            "leads to a model that has no price here, and a budget in dollars refuses it",
            "give it a price in usage: {prices: FILE}, or write unpriced: allow",
        )
        for place, _, _, other in found
        if not prices.providers_of(other) and not any(_named(prices, other))
    )


def _named(prices: Prices, model: str) -> Iterator[bool]:
    low = model.casefold()
    for entry in prices.overrides.entries:
        yield any(fnmatchcase(low, pattern.casefold()) for pattern in entry.model)


def _providers(prices: Prices, asked: str, judged: frozenset[str]) -> set[str]:
    """Those of ``judged``, weir's ids of providers, that have a model which ``asked``, a name or a glob, stands for."""
    if not _GLOB & set(asked):
        return {*judged.intersection(prices.providers_of(asked))}
    low, found = asked.casefold(), set[str]()
    names = {info.id for provider in prices.public.providers for info in provider.models}
    for name in names:
        if fnmatchcase(name.casefold(), low):
            found |= judged.intersection(prices.providers_of(name))
            if found == judged:  # a glob for everything fits thousands
                break
    return found


def _some(names: set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
