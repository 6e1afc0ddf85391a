"""The arithmetic of budgets: which accounts a claim draws on, and whether they have room. Pure, in integers.

An account is one budget for one name in one window: what team finance may use in November. All times are integer
microseconds since 1970, UTC; money is integer nano-dollars.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from weir.globs import fits
from weir.model import Principal

__all__ = [
    "AMOUNT_MAX", "UNREADABLE", "Account", "Budget", "Claim", "Refused", "Scope", "Standing", "Unit", "Window",
    "accounts", "budget_id", "concerns", "narrow", "plain", "refusal",
]  # fmt: skip

SECOND = 1_000_000
AMOUNT_MAX = 10**15  # of one claim: a million dollars; sums of them stay far below 64 bits
UNREADABLE = "?"  # in place of a model that a request names and weir can't read: what is about any model is about it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME_MAX = 200
ROOM = 20  # times as much as its bound: then a request needs no closer look


class Scope(StrEnum):
    """Whose budget it is, from the widest to the narrowest."""

    ORG = "org"
    TEAM = "team"
    APP = "app"
    KEY = "key"
    USER = "user"

    def name_of(self, principal: Principal) -> str:
        """What the caller is called at this scope; empty for the organisation and for whoever has no such name."""
        return "" if self is Scope.ORG else str(getattr(principal, _FIELDS[self]))


_FIELDS = {Scope.TEAM: "team", Scope.APP: "app", Scope.KEY: "key_id", Scope.USER: "user"}  # of a principal


class Unit(StrEnum):
    """What is counted."""

    NANO_USD = "nano_usd"
    TOKENS = "tokens"


class Window(StrEnum):
    """How long an amount lasts. Windows are those of the calendar in UTC, the same for all processes and machines."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    def starts(self, at: int) -> int:
        """Where the window begins that holds the time ``at``."""
        if self is Window.MONTH:
            return _month(at // (3600 * SECOND))
        return at - at % (_LENGTHS[self] * SECOND)

    def ends(self, at: int) -> int:
        """Where the next window begins after the one that holds ``at``."""
        start = self.starts(at)
        if self is Window.MONTH:
            return _micros((_date(start) + timedelta(days=32)).replace(day=1))
        return start + _LENGTHS[self] * SECOND


_LENGTHS = {Window.MINUTE: 60, Window.HOUR: 3600, Window.DAY: 86_400}


def _date(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _micros(date: datetime) -> int:
    return (date - _EPOCH) // timedelta(microseconds=1)


@lru_cache(64)
def _month(hour: int) -> int:
    """Where the month begins that holds this hour since 1970: every claim asks."""
    return _micros(_date(hour * 3600 * SECOND).replace(day=1, hour=0))


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount for each name of a scope that ``name`` (a glob) matches, for the models and services it is about."""

    id: str
    scope: Scope
    unit: Unit
    amount: int
    per: Window
    name: str = "*"
    models: tuple[str, ...] = ()  # globs; empty: every model
    services: tuple[str, ...] = ()
    warn_from: int | None = None  # spent, in the budget's unit
    downgrade: Mapping[str, str] = field(default_factory=dict)  # model glob → the model to use instead
    unpriced: str = "block"  # block | allow: what a money budget says to a model without a price

    def covers(self, claim: Claim) -> bool:
        """Whether what this claim uses comes out of this budget."""
        return concerns(self, claim)

    def instead(self, model: str) -> str:
        """The model to use in place of ``model`` when nothing is left; empty when there is none."""
        for pattern, other in self.downgrade.items():
            if other != model and fits(model, (pattern,)):
                return other
        return ""


class About(Protocol):
    """Whom and what a limit is about."""

    @property
    def scope(self) -> Scope: ...
    @property
    def name(self) -> str: ...
    @property
    def models(self) -> tuple[str, ...]: ...
    @property
    def services(self) -> tuple[str, ...]: ...


def concerns(what: About, claim: Claim) -> bool:
    """Whether a limit is about this claim. ``*`` is about callers without a name too: they share one account."""
    return (
        (what.scope is Scope.ORG or fits(what.scope.name_of(claim.principal), (what.name,)))
        and (not what.models or claim.model == UNREADABLE or fits(claim.model, what.models))
        and (not what.services or fits(claim.service, what.services))
    )


def budget_id(scope: str, unit: str, per: str, name: str, models: Iterable[str], services: Iterable[str]) -> str:
    """What ties a budget to its accounts in the store: the same after a restart, and after a change of its amount."""
    about = json.dumps([name, sorted(models), sorted(services)])
    return f"{scope}.{unit}.{per}.{hashlib.sha256(about.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one request may use at most: its prompt's tokens and the bound of its output, and what they cost."""

    id: str  # the exchange's id: reserved once, however often it is asked for
    principal: Principal
    service: str
    model: str
    tokens: int
    nano_usd: int | None  # None: no price is known
    past: tuple[str, ...] = ()  # ids of budgets that let it pass because it is a downgrade; they still count it
    rough: bool = False  # bounds of what a closer look would say: nobody is refused by them

    def __post_init__(self) -> None:
        if not 0 <= self.tokens <= AMOUNT_MAX or not 0 <= (self.nano_usd or 0) <= AMOUNT_MAX:
            raise ValueError(f"a claim is from 0 to {AMOUNT_MAX}")

    def amount(self, unit: Unit) -> int | None:
        """How much it may use of ``unit``; None when that is not known."""
        return self.tokens if unit is Unit.TOKENS else self.nano_usd


@dataclass(frozen=True, slots=True)
class Account:
    """One budget, for one name, in one window. ``id`` names it in the store and sorts the same everywhere."""

    budget: Budget
    name: str
    starts: int

    @property
    def id(self) -> str:
        """Such as ``team.nano_usd.month.9f…@2026-11-01T00:00/finance``."""
        return _account_id(self.budget.id, self.starts, self.name)

    @property
    def resets_at(self) -> int:
        """When its window ends."""
        return self.budget.per.ends(self.starts)


@lru_cache(4096)
def _account_id(budget: str, starts: int, name: str) -> str:
    return f"{budget}@{_date(starts):%Y-%m-%dT%H:%M}/{name}"


def plain(name: str) -> str:
    """A name as every store can hold it: no NUL, no lone surrogate, not without end."""
    text = name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    if len(text) <= _NAME_MAX:
        return text
    return f"{text[: _NAME_MAX - 17]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def accounts(budgets: Iterable[Budget], claim: Claim, at: int) -> tuple[Account, ...]:
    """Every account that ``claim`` draws on at the time ``at``."""
    return tuple(
        Account(budget, plain(budget.scope.name_of(claim.principal)), budget.per.starts(at))
        for budget in budgets
        if budget.covers(claim)
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands: what is spent and what is held for requests on their way."""

    account: Account
    spent: int = 0
    reserved: int = 0

    @property
    def warned(self) -> bool:
        """Whether so much is spent that someone should know."""
        warn_from = self.account.budget.warn_from
        return warn_from is not None and self.spent >= warn_from

    @property
    def percent(self) -> int:
        """Whole percent spent; 100 only when nothing is left."""
        return self.spent * 100 // self.account.budget.amount


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no room for a claim. ``reason``: ``spent``; ``held`` (there may be room once requests on their way have
    settled); ``too large`` (it would not fit into the whole amount); ``unpriced``."""

    standing: Standing
    asked: int
    reason: str
    instead: str = ""  # a model to downgrade to: ask again for it, with this budget's id in ``past``
    full: tuple[str, ...] = ()  # ids of accounts that would have had room, were nothing held

    @property
    def budget(self) -> Budget:
        """The budget that refused."""
        return self.standing.account.budget

    @property
    def scope(self) -> Scope:
        """Whose budget it is."""
        return self.budget.scope

    @property
    def resets_at(self) -> int:
        """When its window ends, in microseconds."""
        return self.standing.account.resets_at


def refusal(claim: Claim, standings: Iterable[Standing]) -> Refused | None:
    """Why ``claim`` cannot have what it asks for; None when every account has room.

    Of several, one that leaves no way out comes before one that can be met by a downgrade, then the one that lasts
    longest, then the widest scope.
    """
    found = [refused for standing in standings if (refused := _refused(claim, standing))]
    order = list(Scope)
    found.sort(key=lambda one: (bool(one.instead), -one.resets_at, order.index(one.scope), one.standing.account.id))
    full = tuple(one.standing.account.id for one in found if one.reason == "held")
    return replace(found[0], full=full) if full else found[0] if found else None


def narrow(claim: Claim, standings: Iterable[Standing]) -> tuple[str, ...]:
    """The ids of the accounts that a rough claim must not be measured by: what is left of them is little beside it.
    None of a claim that is not rough."""
    if not claim.rough:
        return ()
    return tuple(
        one.account.id
        for one in standings
        if one.spent + one.reserved + ROOM * (claim.amount(one.account.budget.unit) or 0) > one.account.budget.amount
        and one.account.budget.id not in claim.past
    )


def _refused(claim: Claim, standing: Standing) -> Refused | None:
    budget = standing.account.budget
    asked, passes = claim.amount(budget.unit), budget.id in claim.past
    instead = "" if passes else budget.instead(claim.model)
    if asked is None:  # of a downgrade too: what it uses would count as nothing
        return Refused(standing, 0, "unpriced", instead) if budget.unpriced != "allow" else None
    if passes:
        return None
    if asked == 0 or standing.spent + standing.reserved + asked <= budget.amount:
        return None  # what costs nothing is not stopped by an empty purse
    reason = "held" if standing.spent + asked <= budget.amount else "spent"
    return Refused(standing, asked, "too large" if asked > budget.amount else reason, instead)
