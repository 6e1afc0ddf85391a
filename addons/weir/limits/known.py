"""Budgets by whom they are about: of those of ten thousand keys, only the caller's own are asked. Pure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping

from weir.limits.budget import Budget, Claim, Scope

__all__ = ["Known", "OfKeys"]

_GLOB = frozenset("*?[")


class OfKeys:
    """Budgets that virtual keys bring along, one a key. They come while others read them; none ever goes."""

    def __init__(self) -> None:
        self.by_key: dict[str, Budget] = {}
        self.by_id: dict[str, Budget] = {}

    def add(self, budget: Budget) -> None:
        """The budget of the key it has for its name; in place of another that this key had."""
        self.by_id[budget.id] = budget
        self.by_key[budget.name] = budget


class Known:
    """Budgets in force; ``of_keys`` grows by itself."""

    def __init__(self, budgets: Iterable[Budget] = (), of_keys: OfKeys | None = None) -> None:
        own = {budget.id: budget for budget in budgets}
        self.by_id: Mapping[str, Budget] = own if of_keys is None else ChainMap(own, of_keys.by_id)
        self._of_keys: Mapping[str, Budget] = {} if of_keys is None else of_keys.by_key
        self._keys: dict[str, list[Budget]] = {}  # the policy's for one key, by its id
        self._others: list[Budget] = []
        for budget in own.values():
            if budget.scope is Scope.KEY and not _GLOB & set(budget.name):
                self._keys.setdefault(budget.name.casefold(), []).append(budget)
            else:
                self._others.append(budget)

    def about(self, claim: Claim) -> Iterator[Budget]:
        """Those that ``claim`` draws on."""
        key_id = claim.principal.key_id
        for budget in (*self._others, *self._keys.get(key_id.casefold(), ())):
            if budget.covers(claim):
                yield budget
        brought = self._of_keys.get(key_id)
        if brought is not None:
            yield brought

    def concern(self, claim: Claim) -> bool:
        """Whether there is any."""
        return next(self.about(claim), None) is not None
