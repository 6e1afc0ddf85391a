"""The thread that looks: often, at once when asked, never in a rush, and after a failure too."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from harness.processes import until
from weir.keys.virtual.watch import GAP_S, WAITING_MAX, Watch


class Seen:
    def __init__(self, *, fails: bool = False) -> None:
        self.times, self.written, self.fails = list[float](), 0, fails
        self.watch = Watch(self.look, self.write)

    def look(self) -> None:
        self.times.append(time.monotonic())
        if self.fails:
            raise ZeroDivisionError

    def write(self) -> None:
        self.written += 1


def test_it_looks_again_and_again_and_writes_in_the_end() -> None:
    seen = Seen()
    assert not seen.watch.running and seen.watch.ask() is None
    seen.watch.start()
    seen.watch.start()
    until(lambda: len(seen.times) >= 2, "two looks")
    assert seen.watch.running and seen.written == 0
    seen.watch.stop()
    seen.watch.stop()
    assert not seen.watch.running and seen.written == 1 and seen.watch.ask() is None


def test_whoever_asks_waits_for_a_look_that_begins_after() -> None:
    seen = Seen()
    seen.watch.start()
    for _ in range(3):
        asked = time.monotonic()
        future = seen.watch.ask()
        assert future is not None
        future.result(60)
        assert seen.times[-1] >= asked
    seen.watch.stop()
    assert all(after - before >= GAP_S * 0.9 for before, after in zip(seen.times, seen.times[1:], strict=False))


def test_a_crowd_of_askers_is_bounded_and_nobody_is_left_waiting() -> None:
    gate = threading.Event()
    watch = Watch(lambda: gate.wait(5.0) and None, lambda: None)
    watch.start()
    asked: list[Future[None]] = []
    until(lambda: not asked.append(future) if (future := watch.ask()) else True, "the thread")
    for _ in range(3 * WAITING_MAX):
        future = watch.ask()
        if future is not None:
            asked.append(future)
    assert len(asked) <= 2 * WAITING_MAX
    asked[0].cancel()
    gate.set()
    watch.stop()
    assert all(future.done() for future in asked)


def test_a_look_that_fails_is_not_the_last() -> None:
    seen = Seen(fails=True)
    seen.watch.start()
    until(lambda: len(seen.times) >= 2, "another look")
    seen.watch.stop()
    assert seen.written == 1
