from __future__ import annotations

import threading
import time

from weir.audit.spool.bell import Bell


class Sleeper:
    """A thread at the bell, and whether it has been let go."""

    def __init__(self, bell: Bell, *, linger: bool = False) -> None:
        self.over, self.looked = False, threading.Semaphore(0)
        self.thread = threading.Thread(target=bell.linger if linger else bell.sleep, args=self.arguments(linger))
        self.thread.start()
        assert self.looked.acquire(timeout=60)

    def arguments(self, linger: bool) -> tuple[object, ...]:
        return (self.look, 30.0) if linger else (self.look,)

    def look(self) -> bool:
        self.looked.release()
        return self.over

    def gone(self) -> bool:
        self.thread.join(60)
        return not self.thread.is_alive()


def test_who_sleeps_is_woken_by_either_ring_and_sleeps_on_when_nothing_is_over() -> None:
    for ring in (Bell.ring, Bell.ring_asleep):
        bell = Bell()
        sleeper = Sleeper(bell)
        ring(bell)
        assert sleeper.looked.acquire(timeout=60) and sleeper.thread.is_alive()
        sleeper.over = True
        ring(bell)
        assert sleeper.gone()


def test_who_lingers_is_let_be() -> None:
    bell = Bell()
    sleeper = Sleeper(bell, linger=True)
    for _ in range(100):
        bell.ring_asleep()
    assert not sleeper.looked.acquire(timeout=0.05)
    sleeper.over = True
    bell.ring()
    assert sleeper.gone()


def test_lingering_ends() -> None:
    bell, begin = Bell(), time.monotonic()
    bell.linger(lambda: False, 0.05)
    assert 0.05 <= time.monotonic() - begin < 20
    bell.linger(lambda: True, 60)


def test_a_ring_that_nobody_heard_is_heard_later_however_often_it_was() -> None:
    bell, looks = Bell(), [False, True]
    bell.ring()
    bell.ring()
    bell.sleep(lambda: looks.pop(0))
    assert looks == []


def test_no_ring_is_lost_between_a_look_and_a_sleep() -> None:
    """Two threads that answer each other: one lost ring, and they wait for ever."""
    there, here, turns = Bell(), Bell(), [0, 0]

    def answer() -> None:
        for number in range(1, 5_001):
            there.sleep(lambda number=number: turns[0] >= number)
            turns[1] = number
            here.ring_asleep()

    other = threading.Thread(target=answer, daemon=True)
    other.start()
    for number in range(1, 5_001):
        turns[0] = number
        there.ring_asleep()
        here.sleep(lambda number=number: turns[1] >= number)
    other.join(60)
    assert not other.is_alive()
