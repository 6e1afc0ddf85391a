"""Publishing as work of the ingester's process: a thread for each place, so that none holds up anything else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from weir.audit.evidence.covered import log_of
from weir.audit.evidence.publish.bucket import Bucket
from weir.audit.evidence.publish.cursors import Cursors
from weir.audit.evidence.publish.directory import Directory
from weir.audit.evidence.publish.place import Place
from weir.audit.evidence.publish.syslog import Syslog
from weir.audit.evidence.publish.worker import Worker
from weir.audit.ingester.duty import Desk
from weir.sections_audit import Publish

__all__ = ["Publishing", "cursors_of", "name_of"]

LAST_S = 5.0  # how long the end of the process waits for all places together


def cursors_of(data: Path) -> Path:
    """Where it is kept how far each place has the log."""
    return data / "audit" / "published.json"


def name_of(place: Publish) -> str:
    """How people know a place, and what its cursor is kept under."""
    if place.directory is not None:
        return f"directory {place.directory}"
    if place.bucket is not None:
        bucket = place.bucket
        at = f" at {bucket.endpoint}" if bucket.endpoint else ""
        return f"bucket {bucket.name}{f'/{bucket.prefix}' if bucket.prefix else ''}{at}"
    return f"syslog {place.syslog}"


class Publishing:
    """The duty."""

    name = "publish"
    every_s = 1.0

    def __init__(self, secret: Callable[[str], str]) -> None:
        """``secret`` gives what a reference of the policy means; it may block, and raise."""
        self._secret = secret
        self._workers: dict[Publish, Worker] = {}
        self._cursors: Cursors | None = None

    def run(self, desk: Desk, *, last: bool) -> list[str]:
        """See that each place of the policy has its thread; what they have to say. Raises OSError, DataDirError."""
        wanted = desk.audit.checkpoints.publish
        if self._cursors is None:
            if not wanted:
                return []
            self._cursors = Cursors(cursors_of(desk.data))
        said: list[str] = []
        for place in [place for place in self._workers if place not in wanted]:
            said += self._end(self._workers.pop(place))
        for place in wanted:
            if place not in self._workers:
                self._workers[place] = self._worker(desk.data, place, self._cursors)
        self._cursors.only({name_of(place) for place in wanted})
        if last:
            self._finish()
        for worker in self._workers.values():
            while worker.said:
                said.append(worker.said.popleft())
        return said

    def _worker(self, data: Path, place: Publish, cursors: Cursors) -> Worker:
        return Worker(name_of(place), lambda: _made(place, self._secret), log_of(data), cursors)

    def _end(self, worker: Worker) -> list[str]:
        worker.stop()
        return list(worker.said)

    def _finish(self) -> None:
        until = time.monotonic() + LAST_S
        for worker in self._workers.values():
            worker.finish()
        for worker in self._workers.values():
            if not worker.join(until - time.monotonic()) or not worker.done.is_set():
                worker.said.append(f"{worker.name}: has not got everything yet; it will after the next start")
                worker.stop()


def _made(place: Publish, secret: Callable[[str], str]) -> Place:
    if place.directory is not None:
        return Directory(place.directory)
    if place.bucket is not None:
        return Bucket(place.bucket, secret)
    return Syslog(place.syslog, place.ca)
