"""A thread that looks at the store again and again, sooner when somebody asks, and writes down what has gathered."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

__all__ = ["Watch"]

log = logging.getLogger("weir.keys")
POLL_S = 0.25
GAP_S = 0.1  # between two looks, however many ask
WRITE_S = 2.0
WAITING_MAX = 256
STOP_S = 5.0


class Watch:
    """Calls ``look`` and ``write`` in a thread of its own; both may raise, and say so themselves."""

    def __init__(self, look: Callable[[], None], write: Callable[[], None]) -> None:
        self._look, self._write = look, write
        self._wake = threading.Event()
        self._stopped = False
        self._lock = threading.Lock()
        self._waiting: list[Future[None]] = []
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether somebody looks."""
        return self._thread is not None and self._thread.is_alive() and not self._stopped

    def start(self) -> None:
        """Begin; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="weir-keys", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write down what is left and end. Waits some seconds at most."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def ask(self) -> Future[None] | None:
        """Look soon; done when a look that begins from now on has ended. None when too many wait, or nobody looks."""
        with self._lock:
            if not self.running or len(self._waiting) >= WAITING_MAX:
                return None
            future: Future[None] = Future()
            self._waiting.append(future)
        self._wake.set()
        return future

    def _run(self) -> None:
        began, written = 0.0, time.monotonic()
        while not self._stopped:
            self._wake.wait(POLL_S)
            self._wake.clear()
            if self._stopped:
                break
            time.sleep(max(0.0, began + GAP_S - time.monotonic()))
            began = time.monotonic()
            with self._lock:
                asked, self._waiting = self._waiting, []
            self._call(self._look)
            self._done(asked)
            if time.monotonic() - written >= WRITE_S:
                written = time.monotonic()
                self._call(self._write)
        self._call(self._write)
        with self._lock:
            asked, self._waiting = self._waiting, []
        self._done(asked)

    @staticmethod
    def _done(asked: list[Future[None]]) -> None:
        for future in asked:
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    @staticmethod
    def _call(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  the next look may do better, and must take place
            log.warning("virtual keys could not be looked after: %s", type(error).__name__)
