"""How fast: requests and tokens a minute, streams at once. In this process's memory, or in Redis for all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import RedisStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from weir.limits.budget import Claim, Scope, concerns, plain
from weir.limits.leases import Leases, LocalLeases, RedisLeases
from weir.limits.store import LedgerError

__all__ = ["Limited", "Rate", "Rates"]

_SCHEMES = ("memory://", "redis://", "rediss://", "redis+unix://")


@dataclass(frozen=True, slots=True)
class Rate:
    """What each name of a scope that ``name`` (a glob) matches may do, for these models and services."""

    id: str
    scope: Scope
    name: str = "*"
    models: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    requests: int | None = None  # a minute
    tokens: int | None = None  # a minute, as claimed: prompt and bound of the output
    streams: int | None = None  # at once


@dataclass(frozen=True, slots=True)
class Limited:
    """Too fast. ``kind``: requests, tokens or streams."""

    rate: Rate
    kind: str
    retry_after_s: float  # when it is worth while to ask again, at the earliest


class Rates:
    """Counts by sliding windows of a minute. Thread-safe. Calls to Redis block, ``timeout_s`` at most each."""

    def __init__(
        self, rates: Sequence[Rate], store: str = "memory://", *, timeout_s: float = 1.0, lease_s: float = 120.0
    ) -> None:
        """Raises LedgerError when ``store`` is none of memory://, redis://, rediss:// and redis+unix://."""
        self._rates = tuple(rates)
        self._lease_s = lease_s
        self._storage = _storage(store, timeout_s)
        self._counter = SlidingWindowCounterRateLimiter(self._storage)
        self._leases: Leases = LocalLeases()
        if isinstance(self._storage, RedisStorage):
            self._leases = RedisLeases(self._storage.storage)

    def use(self, rates: Sequence[Rate]) -> None:
        """Go by these rates from now on."""
        self._rates = tuple(rates)

    def answers(self) -> bool:
        """Whether the store is there; counts nothing."""
        return self._storage.check()

    def take(self, claim: Claim, *, counted: Claim | None = None) -> Limited | None:
        """Count one request and its tokens wherever they are limited; None when all have room.

        ``counted``: the same request for another model, which was counted already where both are limited. What is
        refused is not counted, but for the rare one that another request overtook. Raises LedgerError.
        """
        asked = [one for one in self._items(claim) if counted is None or not concerns(one[0], counted)]
        try:
            # All are asked before any is counted: who is refused by the last must not use up the first.
            for count in (self._counter.test, self._counter.hit):
                for rate, kind, item, key, cost in asked:
                    if cost > item.amount or not count(item, *key, cost=cost):
                        return Limited(rate, kind, self._wait(item, key))
        except StorageError as error:
            raise _down(error) from None
        return None

    def enter(self, claim: Claim) -> Limited | None:
        """Begin a stream; None when there is room for one more everywhere. It counts for ``lease_s`` or until
        ``leave``: ``enter`` again, with the same claim, before that. Raises LedgerError."""
        entered: list[str] = []
        for rate, key, most in self._streams(claim):
            if not self._leases.take(key, claim.id, most, self._lease_s):
                for other in entered:
                    self._leases.drop(other, claim.id)
                return Limited(rate, "streams", 1.0)
            entered.append(key)
        return None

    def leave(self, claim: Claim) -> None:
        """The stream has ended. Raises LedgerError."""
        for _rate, key, _most in self._streams(claim):
            self._leases.drop(key, claim.id)

    def _items(self, claim: Claim) -> Iterator[tuple[Rate, str, RateLimitItem, tuple[str, str, str], int]]:
        for rate in self._rates:
            if concerns(rate, claim):
                name = plain(rate.scope.name_of(claim.principal))
                for kind, most, cost in (("requests", rate.requests, 1), ("tokens", rate.tokens, claim.tokens)):
                    if most is not None and cost:
                        yield rate, kind, RateLimitItemPerMinute(most, 1, "weir"), (rate.id, kind, name), cost

    def _streams(self, claim: Claim) -> Iterator[tuple[Rate, str, int]]:
        for rate in self._rates:
            if rate.streams is not None and concerns(rate, claim):
                yield rate, f"{rate.id}/{plain(rate.scope.name_of(claim.principal))}", rate.streams

    def _wait(self, item: RateLimitItem, key: tuple[str, str, str]) -> float:
        return min(60.0, max(1.0, self._counter.get_window_stats(item, *key).reset_time - time.time()))


def _storage(address: str, timeout_s: float) -> Storage:
    if not address.startswith(_SCHEMES):
        raise LedgerError("rates are counted in memory:// or at a redis:// URL, nowhere else")
    waits = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    try:
        storage = storage_from_string(address, wrap_exceptions=True, **({} if address == "memory://" else waits))
    except (ConfigurationError, StorageError, ValueError):
        raise LedgerError("the address for rates cannot be used; write redis://HOST:PORT/NUMBER") from None
    if not isinstance(storage, Storage):
        raise LedgerError("the address for rates is none of a store that is asked directly")
    return storage


def _down(error: StorageError) -> LedgerError:
    # The library's own message may hold the address, and with it a password.
    return LedgerError(f"the store for rates cannot be used: {type(error.storage_error).__name__}")
