"""How an event loop wakes the writer: without a lock that the writer may hold, and not more often than it must."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """One thread waits, any may ring; a ring while it does not wait is heard when it does.

    To wake a thread costs whoever does it some ten microseconds: one that lingers, for records to gather, is let be.
    """

    def __init__(self) -> None:
        self._silent = threading.Lock()  # held as long as nobody has rung
        self._silent.acquire()
        self._asleep = False

    def ring(self) -> None:
        """Wake it, however it waits."""
        if self._silent.locked():
            with suppress(RuntimeError):  # somebody else was faster
                self._silent.release()

    def ring_asleep(self) -> None:
        """Wake it when it sleeps; let it linger."""
        if self._asleep:
            self.ring()

    def sleep(self, over: Callable[[], bool]) -> None:
        """Wait until ``over``, looked at after each ring."""
        self._asleep = True  # before the look: who makes it true after the look rings
        while not over():
            self._silent.acquire()
        self._asleep = False

    def linger(self, over: Callable[[], bool], seconds: float) -> None:
        """Wait until ``over``, so many seconds at most."""
        until = time.monotonic() + seconds
        while not over() and (left := until - time.monotonic()) > 0:
            self._silent.acquire(timeout=left)
