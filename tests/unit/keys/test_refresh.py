"""The background that keeps secrets fresh: who is asked when, what is told, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from harness.backends import Backend
from weir.keys import refresh
from weir.keys.backends import SecretUnavailable
from weir.keys.held import Fetched, Held, Schedule, SecretStatus
from weir.keys.refresh import Refresher

VALUE = "synthetic-" + "provider-key"


def test_a_backend_that_hangs_holds_up_nobody_else() -> None:
    refresher, free, asked = Refresher(), threading.Event(), threading.Event()

    def hang() -> Fetched:
        asked.set()
        assert free.wait(30)
        return Fetched("late")

    slow = refresher.hold("slow", lambda: Held("slow", hang))
    quick = refresher.hold("quick", lambda: Held("quick", lambda: Fetched(VALUE), schedule=Schedule(ttl_s=0.01)))
    try:
        refresher.prime(0.2)  # comes back though one of them has not
        assert asked.is_set() and not slow.available()
        assert quick.current() == VALUE
        first = quick.status().fetched
        until(lambda: quick.status().fetched != first)
        free.set()
        until(slow.available)
        assert [status.state for status in refresher.statuses()] == ["fresh", "fresh"]
    finally:
        free.set()
        refresher.close()


def test_one_fetch_of_a_secret_at_a_time() -> None:
    refresher, running, most = Refresher(), 0, 0
    lock, count = threading.Lock(), 0

    def fetch() -> Fetched:
        nonlocal running, most, count
        with lock:
            running, count = running + 1, count + 1
            most = max(most, running)
        time.sleep(0.001)
        with lock:
            running -= 1
        return Fetched(VALUE)

    refresher.hold("one", lambda: Held("one", fetch, schedule=Schedule(ttl_s=0.0)))
    refresher.start()
    try:
        until(lambda: count > 50)
        assert most == 1
    finally:
        refresher.close()


def test_a_secret_that_comes_later_is_fetched_and_closing_ends_the_threads() -> None:
    refresher = Refresher()
    refresher.start()
    late = refresher.hold("late", lambda: Held("late", lambda: Fetched(VALUE)))
    until(late.available)
    refresher.close(10)
    assert not [thread for thread in threading.enumerate() if thread in refresher._threads]
    refresher.start()  # closed stays closed
    refresher.prime(5)
    assert late.current() == VALUE


def test_each_change_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, str]] = []
    answer = Backend(Fetched(VALUE))

    def hear(status: SecretStatus) -> None:
        told.append((status.state, status.problem))
        if status.state == "stale":
            raise OSError("the disk is full")

    refresher = Refresher(on_change=hear)
    held = refresher.hold("one", lambda: Held("one", answer, schedule=Schedule(ttl_s=0.0)))
    refresher.start()
    try:
        until(lambda: answer.asked > 20)
        assert told == [("fresh", "")]
        answer.answer = SecretUnavailable("down")
        until(lambda: len(told) == 2)
        answer.answer = Fetched(VALUE)
        until(lambda: len(told) == 3)  # the thread outlived what the listener raised
        assert told[1:] == [("stale", "down"), ("fresh", "")]
        assert held.current() == VALUE and VALUE not in caplog.text
        assert "its change could not be recorded (OSError)" in caplog.text and "disk" not in caplog.text
    finally:
        refresher.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.002)


def test_a_secret_is_fetched_before_its_time_when_it_has_to_be() -> None:
    refresher, one, other = Refresher(), Backend(Fetched(VALUE)), Backend(Fetched(VALUE))
    refresher.hold("one", lambda: Held("one", one))
    refresher.hold("other", lambda: Held("other", other))
    try:
        refresher.prime(5)
        refresher.hurry(["one", "nobody"])
        until(lambda: one.asked == 2)
        assert other.asked == 1
        refresher.hurry()
        until(lambda: (one.asked, other.asked) == (3, 2))
        refresher.hurry(["other"], after_s=3600)
        refresher.hurry(["one"], after_s=0.02)
        until(lambda: one.asked == 4)
        assert other.asked == 2
    finally:
        refresher.close()


def test_a_start_that_waits_says_for_what(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(refresh, "_QUIET_S", 0.05)
    gate, refresher = threading.Event(), Refresher()

    def stuck() -> Fetched:
        gate.wait(20)
        return Fetched(VALUE)

    refresher.hold("there", lambda: Held("keys.there", lambda: Fetched(VALUE)))
    refresher.prime(20)
    refresher.hold("b", lambda: Held("keys.slow-2", stuck))
    refresher.hold("a", lambda: Held("keys.slow-1", stuck))
    try:
        with caplog.at_level("INFO", "weir.keys"):
            refresher.prime(0.1)
            gate.set()
            refresher.prime(20)
            refresher.prime(20)
    finally:
        gate.set()
        refresher.close()
    assert [one.message for one in caplog.records] == [
        "waiting for 2 secrets: keys.slow-1, keys.slow-2, at most 0 s",
        "going on without 2 secrets: keys.slow-1, keys.slow-2",
    ]
