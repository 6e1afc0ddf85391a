from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from weir.audit.evidence.publish import worker as module
from weir.audit.evidence.publish.cursors import Cursors
from weir.audit.evidence.publish.place import Conflict, Entry, Unreachable
from weir.audit.evidence.publish.worker import Worker


class Somewhere:
    """A place that fails when it is told to."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.fails: Callable[[], None] = lambda: None
        self.tried = threading.Semaphore(0)

    def send(self, entries: Sequence[Entry]) -> None:
        self.tried.release()
        self.fails()
        self.got += [entry.number for entry in entries]

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", (0.01,))
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    monkeypatch.setattr(module, "BATCH", 4)


def down() -> None:
    raise Unreachable("it is down")


def test_after_an_outage_nothing_was_skipped(log: Path, tmp_path: Path) -> None:
    place, cursors = Somewhere(), Cursors(tmp_path / "published.json")
    place.fails = down
    first = worker = Worker("there", lambda: place, log, cursors)
    for _ in range(3):
        assert place.tried.acquire(timeout=60)
    assert cursors["there"].number == 0 and cursors["there"].trouble == "it is down"
    place.fails = lambda: None
    worker.finish()
    if not worker.join(60) or not worker.done.is_set():  # it may have been told to end while the place was still down
        worker = Worker("there", lambda: place, log, cursors)
        worker.finish()
        assert worker.join(60) and worker.done.is_set()
    assert place.got == [1, 2, 3, 4, 5, 6]
    assert first.said[0] == "there: it is down; trying again"


def test_what_a_library_raises_ends_no_publishing(log: Path, tmp_path: Path) -> None:
    place, cursors = Somewhere(), Cursors(tmp_path / "published.json")

    def broken() -> None:
        raise KeyError("canary-8812")

    place.fails = broken
    worker = Worker("there", lambda: place, log, cursors)
    for _ in range(3):
        assert place.tried.acquire(timeout=60)
    assert cursors["there"].trouble == "KeyError" and worker.said[0] == "there: KeyError; trying again"
    place.fails = lambda: None
    while not place.got:
        assert place.tried.acquire(timeout=60)
    worker.finish()
    assert worker.join(60) and worker.done.is_set() and "canary" not in "".join(worker.said)


def test_it_goes_on_where_it_was_and_sees_what_comes(log: Path, tmp_path: Path) -> None:
    whole = log.read_bytes().splitlines(keepends=True)
    place, cursors = Somewhere(), Cursors(tmp_path / "published.json")
    for count in (2, 2, 5, 6):
        log.write_bytes(b"".join(whole[:count]))
        worker = Worker("there", lambda: place, log, cursors)
        worker.finish()
        assert worker.join(60) and worker.done.is_set()
    assert place.got == [1, 2, 3, 4, 5, 6] and cursors["there"].number == 6


def test_a_log_that_was_made_anew_is_sent_again(log: Path, tmp_path: Path) -> None:
    whole = log.read_bytes().splitlines(keepends=True)
    place, cursors = Somewhere(), Cursors(tmp_path / "published.json")
    for count in (6, 2):
        log.write_bytes(b"".join(whole[:count]))
        worker = Worker("there", lambda: place, log, cursors)
        worker.finish()
        assert worker.join(60)
    assert place.got == [1, 2, 3, 4, 5, 6, 1, 2]


def test_a_conflict_is_told_and_stops_nothing(log: Path, tmp_path: Path) -> None:
    place, cursors = Somewhere(), Cursors(tmp_path / "published.json")

    def other() -> None:
        raise Conflict("entry 1 is there already and is another one")

    place.fails = other
    worker = Worker("there", lambda: place, log, cursors)
    worker.finish()
    assert worker.join(60) and worker.done.is_set() and cursors["there"].number == 6
    assert "made anew" in worker.said[0]


def test_it_stops_when_it_is_told(log: Path, tmp_path: Path) -> None:
    place = Somewhere()
    place.fails = down
    worker = Worker("there", lambda: place, log, Cursors(tmp_path / "published.json"))
    assert place.tried.acquire(timeout=60)
    worker.stop()
    assert worker.join(60) and not worker.done.is_set()
