"""Brings the log to one place in a thread of its own: however long the place takes, nobody waits for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from weir.audit.evidence.logfile import Place as Position
from weir.audit.evidence.publish.cursors import Cursor, Cursors
from weir.audit.evidence.publish.place import Conflict, Place, Unreachable, entries
from weir.audit.record import now_us
from weir.datadir import DataDirError

__all__ = ["Worker"]

BATCH = 50  # entries
IDLE_S = 1.0
BACKOFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)


class Worker:
    """``said`` holds lines for the operator, each to be told once."""

    def __init__(self, name: str, place: Callable[[], Place], log: Path, cursors: Cursors) -> None:
        """``name``: as people know the place, and under which its cursor is kept."""
        self.name, self._place, self._log, self._cursors = name, place, log, cursors
        self.said: deque[str] = deque(maxlen=20)
        self.done = threading.Event()  # all that was in the log is there
        self._wake, self._stop, self._finish = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"weir-publish-{name}", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Send what is there now without a pause, then end; ``done`` tells."""
        self.done.clear()
        self._finish.set()
        self._wake.set()

    def stop(self) -> None:
        """End as soon as it can; what is not sent stays unsent."""
        self._stop.set()
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Wait for its end; False when it goes on."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        place: Place | None = None
        failures, told = 0, False
        while not self._stop.is_set():
            last = self._finish.is_set()
            try:
                place = place or self._place()
                more = self._pass(place)
                if failures or self._cursors[self.name].trouble:
                    self._cursors.trouble(self.name, "", now_us())
                    if told:
                        self.said.append(f"{self.name}: works again")
                failures, told = 0, False
                if last and not more:
                    self.done.set()
                    break
                pause = 0.0 if more else IDLE_S
            except Exception as error:  # noqa: BLE001  a library's own kinds too: else nobody publishes any more, unsaid
                told = self._trouble(_why(error), told)
                if last:
                    break
                pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
                failures += 1
            if pause:
                self._wake.wait(pause)
                self._wake.clear()
        if place is not None:
            place.close()

    def _trouble(self, why: str, told: bool) -> bool:
        if not told or self._cursors[self.name].trouble != why:
            self.said.append(f"{self.name}: {why}; trying again")
        try:
            self._cursors.trouble(self.name, why, now_us())
        except (OSError, DataDirError):
            return True  # told, if not written down
        return True

    def _pass(self, place: Place) -> bool:
        """Send the next entries; whether there may be more."""
        cursor = self._cursors[self.name]
        position = Position(cursor.bytes, cursor.line)
        if self._log.exists() and self._log.stat().st_size < cursor.bytes:
            position = Position()  # the log was cut or made anew: what is there now is sent too, and can't replace any
        found = entries(self._log, position, BATCH)
        if not found:
            return False
        try:
            place.send(found)
        except Conflict as problem:
            self.said.append(f"{self.name}: {problem}: the log here was made anew, or somebody wrote there")
        self._cursors.save(self.name, Cursor(position.bytes, position.line, found[-1].number, now_us()))
        return len(found) == BATCH


def _why(error: Exception) -> str:
    """One line; of exceptions that are not ours their name, for their words may hold what a stranger sent."""
    if isinstance(error, Unreachable | DataDirError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
