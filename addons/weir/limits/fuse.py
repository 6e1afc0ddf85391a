"""A store that fails is left alone for a moment: nobody waits for it, and one request a second tries again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from weir.limits.store import LedgerError

__all__ = ["Fuse"]

_FAILURES = 3  # in a row, before nobody waits for that store any more
_REST_S = 1.0  # for so long; then one request tries again


class Fuse[T]:
    """Something that is opened when first used, and left alone for a moment when it failed too often."""

    def __init__(self, opens: Callable[[], T], clock: Callable[[], float]) -> None:
        self._opens, self._clock = opens, clock
        self._lock = threading.Lock()
        self._made: T | None = None
        self._failures = 0
        self._until = 0.0

    @property
    def made(self) -> T | None:
        """What was opened; None before."""
        return self._made

    def call[R](self, work: Callable[[T], R]) -> R:
        """What ``work`` returns. Raises LedgerError, at once while the store is left alone."""
        self.check()
        try:
            done = work(self._have())
        except LedgerError:
            self.count(failed=True)
            raise
        self.count(failed=False)
        return done

    def check(self) -> None:
        """Raises LedgerError while the store is left alone."""
        if self._clock() < self._until:
            raise LedgerError("the store could not be used a moment ago")

    def count(self, *, failed: bool) -> None:
        """How a call went that was not made by `call`."""
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= _FAILURES:
            self._until = self._clock() + _REST_S

    def _have(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = self._opens()
            return self._made
