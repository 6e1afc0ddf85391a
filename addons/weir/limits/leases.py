"""Leases: at most so many at once, each held until it is dropped or its time has come. In memory, or in Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from redis.exceptions import RedisError

from weir.limits.store import LedgerError

__all__ = ["Leases", "LocalLeases", "RedisLeases"]

_PREFIX = "weir:streams:"
# One step for Redis: clear away what has expired, then take or prolong. Its own clock, so that machines need not agree.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""


class Leases(Protocol):
    """At most so many holders of a key at once."""

    def take(self, key: str, holder: str, most: int, seconds: float) -> bool:
        """Hold ``key`` for ``seconds`` from now, anew or for longer; False when ``most`` others do. Raises
        LedgerError."""

    def drop(self, key: str, holder: str) -> None:
        """Hold it no more. Raises LedgerError."""


class LocalLeases:
    """Leases of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def take(self, key: str, holder: str, most: int, seconds: float) -> bool:
        """As in Leases."""
        now = self._clock()
        with self._lock:
            held = {one: until for one, until in self._held.get(key, {}).items() if until > now}
            fits = holder in held or len(held) < most
            if fits:
                held[holder] = now + seconds
            self._set(key, held)
        return fits

    def drop(self, key: str, holder: str) -> None:
        """As in Leases."""
        with self._lock:
            self._set(key, {one: until for one, until in self._held.get(key, {}).items() if one != holder})

    def _set(self, key: str, held: dict[str, float]) -> None:
        if held:
            self._held[key] = held
        else:
            self._held.pop(key, None)  # nothing is kept of those who are gone


class RedisLeases:
    """Leases of all processes that use the same Redis; those of a killed one end with their time."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._take = client.register_script(_TAKE)

    def take(self, key: str, holder: str, most: int, seconds: float) -> bool:
        """As in Leases."""
        try:
            return bool(self._take(keys=[_PREFIX + key], args=[holder, most, int(seconds * 1000)]))
        except RedisError as error:
            raise _down(error) from None

    def drop(self, key: str, holder: str) -> None:
        """As in Leases."""
        try:
            self._client.zrem(_PREFIX + key, holder)
        except RedisError as error:
            raise _down(error) from None


def _down(error: RedisError) -> LedgerError:
    # The library's own message may hold the address, and with it a password.
    return LedgerError(f"the store for rates cannot be used: {type(error).__name__}")
