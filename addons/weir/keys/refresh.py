"""Fetches secrets in the background, ahead of their end, so that no request waits for a backend."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from weir.keys.held import Held, Schedule, SecretStatus

__all__ = ["Refresher"]

log = logging.getLogger("weir.keys")

_WORKERS = 4
_QUIET_S = 1.0  # how long a start waits without a word


class Refresher:
    """The background: a few daemon threads that fetch whatever is due.

    Secrets are kept by a key of the caller's (reference and form), so that a policy swapped for another goes on with
    the values it has, even while a backend is down.

    ``on_change`` hears of each secret whose state or problem is another than before (the first fetch too), from one
    of the threads: for the audit.
    """

    def __init__(
        self, *, on_change: Callable[[SecretStatus], None] | None = None, mono: Callable[[], float] = time.monotonic
    ) -> None:
        self._mono = mono
        self._on_change = on_change
        self._told: dict[Held, tuple[str, str]] = {}
        self._held: dict[str, Held] = {}
        self._busy: set[Held] = set()
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def hold(self, key: str, make: Callable[[], Held]) -> Held:
        """The secret kept under ``key``, made by ``make`` if there is none. Fetched in the background once started."""
        with self._change:
            if key not in self._held:
                self._held[key] = make()
                self._change.notify_all()
            return self._held[key]

    def retain(self, keys: Iterable[str]) -> None:
        """Forget every secret whose key is not among ``keys``."""
        wanted = set(keys)
        with self._change:
            self._held = {key: held for key, held in self._held.items() if key in wanted}
            kept = set(self._held.values())
            self._told = {held: told for held, told in self._told.items() if held in kept}

    def reschedule(self, schedules: Mapping[str, Schedule]) -> None:
        """From their next fetch on, these secrets go by these schedules."""
        with self._change:
            for key, schedule in schedules.items():
                if key in self._held:
                    self._held[key].reschedule(schedule)

    def hurry(self, keys: Iterable[str] | None = None, *, after_s: float = 0.0) -> None:
        """Fetch these secrets (or all) now, or ``after_s`` seconds at the latest; those being fetched not again."""
        with self._change:
            wanted = None if keys is None else set(keys)
            for key, held in self._held.items():
                if (wanted is None or key in wanted) and held.due > 0:  # else it has not been tried yet
                    held.due = min(held.due, self._mono() + after_s)
            self._change.notify_all()

    def prime(self, timeout_s: float = 15.0) -> None:
        """Wait until each secret has been tried once, at most ``timeout_s`` seconds. Never on the event loop."""
        self.start()
        with self._change:
            if self._change.wait_for(self._all_tried, min(_QUIET_S, timeout_s)) or timeout_s <= _QUIET_S:
                return
            log.info("waiting for %s, at most %.0f s", self._untried(), timeout_s)
            if not self._change.wait_for(self._all_tried, timeout_s - _QUIET_S):
                log.warning("going on without %s", self._untried())

    def start(self) -> None:
        """Start the threads, once."""
        with self._change:
            if self._threads or self._closed:
                return
            for number in range(_WORKERS):
                thread = threading.Thread(target=self._work, name=f"weir-secrets-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Stop; a thread within a fetch ends with it, and as a daemon it does not hold up the process."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def statuses(self) -> tuple[SecretStatus, ...]:
        """How it stands with each secret, by name."""
        with self._change:
            held = list(self._held.values())
        return tuple(sorted((one.status() for one in held), key=lambda status: status.name))

    def _untried(self) -> str:
        names = sorted(held.name for held in self._held.values() if held.due <= 0)
        return f"{len(names)} {'secret' if len(names) == 1 else 'secrets'}: {', '.join(names)}"

    def _all_tried(self) -> bool:
        return self._closed or all(held.due > 0 for held in self._held.values())

    def _work(self) -> None:
        while True:
            with self._change:
                held = self._next()
                if held is None:
                    return
                self._busy.add(held)
            try:
                held.refresh()
                self._tell(held)
            finally:
                with self._change:
                    self._busy.discard(held)
                    self._change.notify_all()

    def _tell(self, held: Held) -> None:
        if self._on_change is None:
            return
        status = held.status()
        with self._change:
            # Only one thread at a time has this secret, so that the order is right.
            known = self._told.get(held) == (status.state, status.problem) or held not in self._held.values()
            self._told[held] = (status.state, status.problem)
        if known:
            return
        try:
            self._on_change(status)
        except Exception as error:  # noqa: BLE001 - the thread serves the secrets first; its words may quote one
            log.error("secret %s: its change could not be recorded (%s)", status.name, type(error).__name__)

    def _next(self) -> Held | None:
        """The next secret that is due, waiting for it; None when it is time to stop. Called with the lock held."""
        while not self._closed:
            idle = [held for held in self._held.values() if held not in self._busy]
            first = min(idle, key=lambda held: held.due, default=None)
            wait = first.due - self._mono() if first else None
            if first is not None and wait is not None and wait <= 0:
                return first
            self._change.wait(wait)
        return None
