"""A secret in memory: read without waiting, and kept until its expiry when its backend is down."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from weir.keys.backends import SecretUnavailable

__all__ = ["Fetched", "Held", "Schedule", "SecretStatus"]

log = logging.getLogger("weir.keys")

_RETRY_FIRST_S = 1.0
_RETRY_MAX_S = 60.0
_AHEAD = 0.75  # of a short-lived token's life: a quarter is left for tries when its issuer is down


@dataclass(frozen=True, slots=True)
class Fetched:
    """A secret as it was got; ``expires`` in seconds since the epoch, None when it does not end by itself.

    ``again_s``: the backend wants to be asked again within so many seconds, to keep its own login alive.
    """

    value: str = field(repr=False)
    expires: float | None = None
    again_s: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a secret is fetched anew, and how long the last value is good when that does not work (seconds)."""

    ttl_s: float = 300.0
    keep_s: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class SecretStatus:
    """How it stands with one secret, for ``weir doctor`` and the audit: never a value.

    ``state``: ``fresh``, ``stale`` (the last fetch failed; the value before is in use until ``expires``), ``expired``
    or ``missing``. ``refused``: the backend said no, rather than nothing. Times are aware, in UTC.
    """

    name: str
    scheme: str
    state: str
    fetched: datetime | None
    expires: datetime | None
    failing_since: datetime | None
    failures: int
    refused: bool
    problem: str


@dataclass(frozen=True, slots=True)
class _Value:
    fetched: Fetched
    at: float
    until: float  # by the wall clock, as far as that can be said now
    kept_until: float  # on the monotonic clock: a clock that is set right at boot ends no key


@dataclass(frozen=True, slots=True)
class _Trouble:
    since: float
    count: int
    problem: str
    refused: bool


class Held:
    """One secret in memory. ``current`` never blocks; ``refresh`` does, and belongs into the background."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Fetched],
        *,
        scheme: str = "",
        schedule: Schedule | None = None,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.scheme = name, scheme
        self._fetch = fetch
        self._schedule = schedule or Schedule()
        # Expiry goes by the wall clock, as tokens do; waiting by one that nobody sets.
        self._wall, self._mono = wall, mono
        # Each is replaced whole: readers need no lock.
        self._value: _Value | None = None
        self._trouble: _Trouble | None = None
        self.due = 0.0  # on the monotonic clock

    def reschedule(self, schedule: Schedule) -> None:
        """From the next fetch on by another schedule."""
        self._schedule = schedule

    def current(self) -> str:
        """The value in force. Raises SecretUnavailable when there is none, or the last one has expired."""
        value = self._value
        if value is None:
            trouble = self._trouble
            raise SecretUnavailable(f"{self.name}: {trouble.problem if trouble else 'has not been fetched yet'}")
        if self._is_over(value):
            trouble = self._trouble
            why = f"; {trouble.problem}" if trouble else ""
            raise SecretUnavailable(f"{self.name}: the last value has expired{why}")
        return value.fetched.value

    def available(self) -> bool:
        """True when ``current`` has a value now."""
        value = self._value
        return value is not None and not self._is_over(value)

    def _is_over(self, value: _Value) -> bool:
        expires = value.fetched.expires
        return self._mono() >= value.kept_until or (expires is not None and self._wall() >= expires)

    def refresh(self) -> bool:
        """Fetch now; True when that worked. What goes wrong is in ``status``, not raised. One caller at a time."""
        try:
            fetched = self._fetch()
        except SecretUnavailable as error:
            self._failed(str(error), refused=error.refused)
            return False
        except Exception as error:  # noqa: BLE001 - the thread serves other secrets too; its words may quote this one
            self._failed(f"the {self.scheme or 'secret'} backend broke ({type(error).__name__})", refused=False)
            return False
        now = self._wall()
        if fetched.expires is not None and fetched.expires <= now:
            self._failed("what was fetched has already expired; are the clocks right?", refused=False)
            return False
        until = now + self._schedule.keep_s
        wait = self._schedule.ttl_s
        if fetched.expires is not None:
            until = min(until, fetched.expires)
            wait = min(wait, (fetched.expires - now) * _AHEAD)
        if fetched.again_s is not None:
            wait = min(wait, fetched.again_s)
        if self._trouble is not None:
            log.info("secret %s: available again after %d failures", self.name, self._trouble.count)
        self._value, self._trouble = _Value(fetched, now, until, self._mono() + self._schedule.keep_s), None
        # Many workers that started together must not ask together for ever.
        self.due = self._mono() + wait * random.uniform(0.9, 1.0)
        return True

    def status(self) -> SecretStatus:
        """How it stands, now."""
        value, trouble = self._value, self._trouble
        if value is None:
            state = "missing"
        elif self._is_over(value):
            state = "expired"
        else:
            state = "stale" if trouble else "fresh"
        return SecretStatus(
            name=self.name,
            scheme=self.scheme,
            state=state,
            fetched=_time(value.at) if value else None,
            expires=_time(value.until) if value else None,
            failing_since=_time(trouble.since) if trouble else None,
            failures=trouble.count if trouble else 0,
            refused=bool(trouble and trouble.refused),
            problem=trouble.problem if trouble else "",
        )

    def _failed(self, problem: str, *, refused: bool) -> None:
        before = self._trouble
        count = before.count + 1 if before else 1
        self._trouble = _Trouble(before.since if before else self._wall(), count, problem, refused)
        if before is None or before.problem != problem:
            kept = "the last value stays until it expires" if self.available() else "there is no value"
            log.warning("secret %s: %s; %s", self.name, problem, kept)
        wait = min(_RETRY_MAX_S, _RETRY_FIRST_S * 2 ** min(count - 1, 10))
        self.due = self._mono() + wait * random.uniform(0.75, 1.0)

    def __repr__(self) -> str:
        return f"Held({self.name}, hidden)"

    def __reduce__(self) -> str:
        raise TypeError("a Held secret is not pickled")


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
