"""What is known of one virtual key: whom it stands for, and what it is good for. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from weir.addresses import Address, Network, network, plain
from weir.globs import fits
from weir.model import Principal

__all__ = [
    "STRENGTH", "Grant", "KeyBudget", "Uses", "VirtualKey", "VirtualKeysError", "from_json", "stamp", "to_json",
]  # fmt: skip

STRENGTH = 3
WINDOWS = ("minute", "hour", "day", "month")
TEXT_MAX = 200
ITEMS_MAX = 100
_AMOUNT_MAX = 10**15
_BUDGET = re.compile(r"\$?\s*(?P<amount>[0-9][0-9_]*(?:\.[0-9]+)?)\s*(?P<unit>usd|tokens)?\s*/\s*(?P<per>[a-z]+)")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # in records, budgets, tables and commands


class VirtualKeysError(Exception):
    """The store of virtual keys cannot be read or changed. One line, never with a key, a hash or an address."""


@dataclass(frozen=True, slots=True)
class KeyBudget:
    """What a key may use in a window of the calendar (UTC): nano-dollars or tokens."""

    unit: str  # nano_usd | tokens
    amount: int
    per: str  # minute | hour | day | month

    def __post_init__(self) -> None:
        if self.unit not in ("nano_usd", "tokens") or self.per not in WINDOWS or not 0 < self.amount <= 10**18:
            raise ValueError("no budget")

    @classmethod
    def parse(cls, text: str) -> KeyBudget:
        """``50/month`` (dollars), ``0.25/day``, ``200000 tokens/hour``. Raises ValueError, saying what to write."""
        found = _BUDGET.fullmatch(text.strip().lower())
        remedy = "write dollars as 50/month, or 200000 tokens/day"
        if found is None or found["per"] not in WINDOWS:
            raise ValueError(f"{text!r} is no budget; {remedy} (minute, hour, day or month)")
        try:
            amount = Decimal(found["amount"].replace("_", ""))
        except InvalidOperation:
            raise ValueError(f"{text!r} is no budget; {remedy}") from None
        unit = "tokens" if found["unit"] == "tokens" else "nano_usd"
        units = amount if unit == "tokens" else amount * 10**9
        if units != int(units) or not 0 < units <= (_AMOUNT_MAX if unit == "tokens" else 10**18):
            raise ValueError(f"{text!r} is out of bounds; {remedy}, above 0, with at most nine decimals")
        return cls(unit, int(units), found["per"])

    def __str__(self) -> str:
        if self.unit == "tokens":
            return f"{self.amount} tokens/{self.per}"
        return f"{(Decimal(self.amount) / 10**9).normalize():f}/{self.per}"


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom a key is made for and what it is good for; an empty tuple is no restriction. Times are aware."""

    app: str = ""
    team: str = ""
    user: str = ""
    services: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # globs
    operations: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    budget: KeyBudget | None = None
    expires: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.expires is not None and self.expires.tzinfo is None:
            raise ValueError("expires needs a time zone")
        for name in ("app", "team", "user", "note"):
            checked(name, getattr(self, name))
        for name, one in (("services", "service"), ("models", "model"), ("operations", "operation")):
            for text in _several(name, getattr(self, name)):
                checked(one, text)
        _several("networks", self.networks)


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """One virtual key. Empty restrictions allow everything; times are aware, in UTC.

    ``grace_until`` stands only on what the key that was rotated out is found by: until then that one is good too.
    """

    id: str
    app: str = ""
    team: str = ""
    user: str = ""
    services: tuple[str, ...] = ()
    expires: datetime | None = None
    revoked: datetime | None = None
    created: datetime | None = None
    models: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    budget: KeyBudget | None = None
    rotated: datetime | None = None
    grace_until: datetime | None = None
    note: str = ""

    def principal(self) -> Principal:
        """The caller this key stands for."""
        return Principal(
            user=self.user, team=self.team, app=self.app, method="virtual_key", strength=STRENGTH, key_id=self.id
        )

    def refusal(
        self,
        service_id: str,
        at: datetime,
        *,
        address: str | None = None,
        operation: str | None = None,
        model: str | None = None,
    ) -> str:
        """Why the key is not good for ``service_id`` at ``at``: revoked, rotated, expired, network, service, operation
        or model; "" when it is good. What is None is not asked about; an address or model that is not known is
        refused to a key that has networks or models."""
        if self.revoked is not None:
            return "revoked"
        if self.grace_until is not None and at >= self.grace_until:
            return "rotated"
        if self.expires is not None and at >= self.expires:
            return "expired"
        if address is not None and self.networks and not _within(address, self.networks):
            return "network"
        if self.services and service_id not in self.services:
            return "service"
        if operation is not None and self.operations and operation not in self.operations:
            return "operation"
        return "model" if model is not None and self.models and not (model and fits(model, self.models)) else ""

    def state(self, at: datetime) -> str:
        """``active``, ``revoked`` or ``expired``."""
        return "revoked" if self.revoked else "expired" if self.expires and at >= self.expires else "active"


@dataclass(frozen=True, slots=True)
class Uses:
    """How a key was used: how often, when and from where last; and when last by the key that was rotated out."""

    count: int = 0
    last: datetime | None = None
    address: str = ""
    old_last: datetime | None = None


@lru_cache(4096)
def _ip(address: str) -> Address | None:
    try:
        return plain(address)
    except ValueError:
        return None


def _within(address: str, networks: Iterable[Network]) -> bool:
    ip = _ip(address)
    return ip is not None and any(ip in one for one in networks)


def checked(name: str, value: str) -> str:
    """``value`` as it may be kept: these end up in audit rows and terminals. Raises ValueError, TypeError."""
    if not isinstance(value, str):
        raise TypeError(name)
    if len(value) > TEXT_MAX or any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise ValueError(f"{name} is at most {TEXT_MAX} characters, without control characters")
    return value


def _several[T](name: str, values: tuple[T, ...]) -> tuple[T, ...]:
    if not isinstance(values, tuple):
        raise TypeError(name)
    if len(values) > ITEMS_MAX:
        raise ValueError(f"{name} are at most {ITEMS_MAX}")
    return values


def to_json(key: VirtualKey) -> dict[str, Any]:
    """Everything but hashes, as JSON can hold it; times in ISO 8601, UTC."""
    times = {name: getattr(key, name) for name in ("created", "expires", "revoked", "rotated")}
    return {
        **{name: getattr(key, name) for name in ("id", "app", "team", "user", "note")},
        **{name: list(getattr(key, name)) for name in ("services", "models", "operations")},
        "networks": [str(one) for one in key.networks],
        "budget": str(key.budget) if key.budget else None,
        **{name: None if time is None else stamp(time) for name, time in times.items()},
    }


def from_json(entry: Mapping[str, Any]) -> VirtualKey:
    """The reverse, with what is missing left empty. Raises KeyError, TypeError or ValueError for what is damaged."""
    lists = {name: entry.get(name, []) for name in ("services", "models", "operations", "networks")}
    if not all(isinstance(value, list) and len(value) <= ITEMS_MAX for value in lists.values()):
        raise TypeError
    budget = entry.get("budget")
    if not _ID.fullmatch(entry["id"]):
        raise ValueError("id")
    return VirtualKey(
        id=entry["id"],
        app=checked("app", entry.get("app", "")),
        team=checked("team", entry.get("team", "")),
        user=checked("user", entry.get("user", "")),
        note=checked("note", entry.get("note", "")),
        services=tuple(checked("service", one) for one in lists["services"]),
        models=tuple(checked("model", one) for one in lists["models"]),
        operations=tuple(checked("operation", one) for one in lists["operations"]),
        networks=tuple(network(checked("network", one)) for one in lists["networks"]),
        budget=None if budget is None else KeyBudget.parse(checked("budget", budget)),
        **{name: _time(entry.get(name)) for name in ("created", "expires", "revoked", "rotated")},
    )


def stamp(time: datetime) -> str:
    """Such as ``2026-11-21T17:00:00.000Z``."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError
    try:
        return time.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar
        raise ValueError("time") from None
