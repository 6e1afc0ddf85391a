"""Processes that scan long texts, so that what a pattern does never holds the interpreter lock of the proxy.

One process loads the detectors (as long as a start takes, beside it) and forks the scanners: they share its memory,
and one that had to be ended is replaced in milliseconds. A scanner that gives no answer in its time is killed: no
search outlives its deadline. Until they are ready, and if they can't be had, `Helpers.scan` is None and the caller's
own thread scans.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass

from weir.dlp.core.cache import Scanned
from weir.dlp.core.frames import pack_question, receive, send, unpack_answer
from weir.dlp.core.helper import END, FORK, READY
from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.core.recipe import Recipe
from weir.dlp.core.scan import LATE

__all__ = ["GRACE_S", "HELPERS", "LOST", "Helpers"]

log = logging.getLogger("weir.dlp")

HELPERS = max(2, min(4, os.cpu_count() or 1))  # at least two: no one client's text may hold up another's
GRACE_S = 0.1  # a scanner ends by itself when its time is up; this much later it is killed
LOST = "the scanning process ended"
_START_S = 60.0
_REPLY_S = 5.0  # for a fork
_WAIT_S = 1.0  # between two looks whether there is still anybody to wait for
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_AGAIN_S = 30.0  # between two attempts to start


@dataclass(slots=True, eq=False)
class _Scanner:
    """One forked process and the socket to it."""

    pid: int
    connection: socket.socket


class _Parent:
    """The process that loads and forks."""

    def __init__(self, recipe: Recipe) -> None:
        """Start it and wait until it is ready. Raises OSError."""
        ours, theirs = socket.socketpair()
        # Provider keys are in weir's own environment: only what a Python needs goes along.
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(place for place in sys.path if os.path.isabs(place))  # noqa: PTH117
        # One thread each: threads do not come along into a fork.
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.control = ours
        self.lock = threading.Lock()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "weir.dlp.core.helper", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for weir
                env=environment,
            )
        until = time.monotonic() + _START_S
        try:
            send(ours, recipe.dump(), until=until)
            if receive(ours, until=until) != READY:
                raise OSError("the detectors did not load there")
        except OSError:
            self.close()
            raise

    def fork(self) -> _Scanner:
        """Another scanner. Raises OSError."""
        ours, theirs = socket.socketpair()
        with self.lock, theirs:
            until = time.monotonic() + _REPLY_S
            self.control.settimeout(_REPLY_S)
            socket.send_fds(self.control, [FORK], [theirs.fileno()])
            return _Scanner(int(receive(self.control, until=until)), ours)

    def end(self, scanner: _Scanner) -> None:
        """Kill a scanner. Raises OSError."""
        scanner.connection.close()
        with self.lock:
            self.control.settimeout(_REPLY_S)
            self.control.sendall(END + str(scanner.pid).encode())
            receive(self.control, until=time.monotonic() + _REPLY_S)

    def close(self) -> None:
        """Let it end, and see to it."""
        self.control.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Helpers:
    """Up to ``count`` scanners. Safe to use from several threads; none starts before `start`."""

    def __init__(self, recipe: Recipe, count: int) -> None:
        self._recipe = recipe
        self._count = count
        self._idle: queue.SimpleQueue[_Scanner] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._alive: dict[int, _Scanner] = {}
        self._parent: _Parent | None = None
        self._not_before = 0.0
        self._closed = False
        self._starting: threading.Thread | None = None
        self._parents: list[_Parent] = []
        weakref.finalize(self, _end, self._alive, self._parents)

    @property
    def pids(self) -> tuple[int, ...]:
        """The process that loads, and those that scan; empty until they are ready."""
        parent = self._parent
        return () if parent is None or not self._alive else (parent.process.pid, *self._alive)

    def start(self) -> None:
        """Begin to start them, unless that has been done."""
        with self._lock:
            if self._closed or self._starting is not None or time.monotonic() < self._not_before:
                return
            self._not_before = time.monotonic() + _AGAIN_S
            self._starting = threading.Thread(target=self._start, name="weir-helpers", daemon=True)
            self._starting.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a start that has begun; True when there are scanners."""
        starting = self._starting
        if starting is not None:
            starting.join(timeout_s)
        return bool(self._alive)

    def scan(self, data: bytes, whole: Deadline | None, *, seam: bool = False) -> tuple[Scanned, bool] | None:
        """As `Scanner.scan`, for a text in UTF-8; None when nobody is here to do it. Does not raise."""
        lost = 0
        while self._alive:
            try:
                scanner = self._idle.get(timeout=_WAIT_S if whole is None else min(_WAIT_S, whole.left()))
            except queue.Empty:
                continue
            except OutOfTime:
                return Scanned(reason=LATE), False
            answer = self._ask(scanner, data, seam, whole)
            lost += 1
            if answer[0].reason != LOST or lost > self._count:
                return answer
            # It may have ended for a reason of its own, as the others may have: the last to be asked is a new one.
        self.start()
        return None

    def _ask(self, scanner: _Scanner, data: bytes, seam: bool, whole: Deadline | None) -> tuple[Scanned, bool]:
        try:
            seconds = None if whole is None else whole.left()
        except OutOfTime:
            self._idle.put(scanner)
            return Scanned(reason=LATE), False
        until = None if seconds is None else time.monotonic() + seconds + GRACE_S
        try:
            send(scanner.connection, pack_question(data, seam=seam, seconds=seconds), until=until)
            answer = unpack_answer(receive(scanner.connection, until=until))
        except TimeoutError:
            self._replace(scanner)
            return Scanned(reason=LATE), False
        except (OSError, ValueError):
            self._replace(scanner)
            return Scanned(reason=LOST), False
        self._idle.put(scanner)
        return answer

    def close(self) -> None:
        """End them all. What they are scanning is lost."""
        with self._lock:
            self._closed = True
        _end(self._alive, self._parents)

    def _start(self) -> None:
        try:
            for gone in self._parents:
                gone.close()
            parent = _Parent(self._recipe)
            self._parents[:] = [parent]
            self._parent = parent
            for _ in range(self._count - len(self._alive)):
                self._fork(parent)
        except OSError as error:
            log.warning("long texts are scanned in threads: no processes for them: %s", type(error).__name__)
        finally:
            self._starting = None
            if self._closed:
                _end(self._alive, self._parents)

    def _fork(self, parent: _Parent) -> None:
        scanner = parent.fork()
        self._alive[scanner.pid] = scanner
        self._idle.put(scanner)

    def _replace(self, scanner: _Scanner) -> None:
        """End a scanner and have another one in its place."""
        with self._lock:
            self._alive.pop(scanner.pid, None)
        parent = self._parent
        try:
            if parent is None or self._closed:
                scanner.connection.close()
                return
            parent.end(scanner)
            self._fork(parent)
        except OSError:
            # The process that forks is gone too. What is left goes on; the next start makes a new one.
            log.warning("a scanning process could not be replaced")


def _end(alive: dict[int, _Scanner], parents: list[_Parent]) -> None:
    """Close every socket: whoever is at its other end ends."""
    for scanner in list(alive.values()):
        scanner.connection.close()
    alive.clear()
    for parent in parents:
        parent.close()
    parents.clear()
