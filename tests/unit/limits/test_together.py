"""The queue: who waits is answered with others, in order, once, and never for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from weir.limits import together
from weir.limits.store import LedgerError, RequestError
from weir.limits.together import Together


class Work:
    """Answers with what it was asked, when it is let; ``bad`` things can't be answered."""

    def __init__(self, bad: dict[str, Exception] | None = None) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.go, self._bad = threading.Event(), threading.Event(), bad or {}

    def __call__(self, asked: list[str]) -> Sequence[str]:
        self.batches.append(asked)
        self.begun.set()
        assert self.go.wait(10)
        for one in asked:
            if one in self._bad:
                raise self._bad[one]
        return [f"{one}!" for one in asked]


def test_those_who_wait_are_answered_together_in_order() -> None:
    work = Work()
    queue = Together(work, str, most=3)
    first = queue.ask("a")
    assert work.begun.wait(10)
    rest = [queue.ask(one) for one in "bcdef"]
    work.go.set()
    assert [one.result(10) for one in (first, *rest)] == ["a!", "b!", "c!", "d!", "e!", "f!"]
    assert work.batches == [["a"], ["b", "c", "d"], ["e", "f"]]


def test_what_is_asked_of_one_thing_twice_is_not_asked_at_once() -> None:
    work = Work()
    queue = Together(work, lambda asked: asked[0])
    answers = [queue.ask("x")]
    assert work.begun.wait(10)
    answers += [queue.ask(one) for one in ("a1", "b1", "a2", "c1")]
    work.go.set()
    assert [one.result(10) for one in answers][-1] == "c1!"
    assert work.batches == [["x"], ["a1", "b1"], ["a2", "c1"]]


@pytest.mark.parametrize("error", [RequestError("not this"), ValueError("nor this")])
def test_what_is_wrong_with_one_is_no_matter_of_the_others(error: Exception) -> None:
    work = Work({"b": error})
    queue = Together(work, str)
    answers = [queue.ask("x")]
    assert work.begun.wait(10)
    answers += [queue.ask(one) for one in "abc"]
    work.go.set()
    assert [answers[place].result(10) for place in (1, 3)] == ["a!", "c!"]
    assert answers[2].exception(10) is error


def test_a_store_that_cannot_be_used_is_not_tried_for_each() -> None:
    work = Work({"b": LedgerError("it is down")})
    queue = Together(work, str)
    first = queue.ask("x")
    assert work.begun.wait(10)
    rest = [queue.ask(one) for one in "abc"]
    work.go.set()
    assert [str(one.exception(10)) for one in rest] == ["it is down"] * 3 and first.result(10) == "x!"
    assert len(work.batches) == 2


def test_who_gives_up_leaves_the_queue() -> None:
    work = Work()
    queue = Together(work, str)
    first = queue.ask("a")
    assert work.begun.wait(10)
    gone, kept = queue.ask("b"), queue.ask("c")
    assert gone.cancel() and not first.cancel()
    work.go.set()
    assert kept.result(10) == "c!" and work.batches == [["a"], ["c"]]


def test_nobody_waits_for_ever() -> None:
    work = Work()
    queue = Together(work, str, timeout_s=0.05)
    first = queue.ask("a")
    assert work.begun.wait(10)
    stays = queue.ask("b")
    with pytest.raises(LedgerError, match=r"busy for 0\.05 s"):
        queue.wait("c")
    work.go.set()
    assert first.result(10) == "a!"  # its turn had come: it is answered, however long that takes
    assert isinstance(stays.exception(10), LedgerError) and work.batches == [["a"]]


def test_so_many_may_wait_but_room_is_always_given_back() -> None:
    work = Work()
    queue = Together(work, str, waiting_max=2)
    answers = [queue.ask("a")]
    assert work.begun.wait(10)
    answers += [queue.ask("b"), queue.ask("c")]
    with pytest.raises(LedgerError, match="2 requests wait"):
        queue.ask("d")
    answers.append(queue.ask("e", always=True))
    work.go.set()
    assert [one.result(10) for one in answers] == ["a!", "b!", "c!", "e!"]


def test_a_thread_with_nothing_to_do_ends_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "IDLE_S", 0.02)
    work = Work()
    work.go.set()
    queue = Together(work, str, threads=2)
    before = threading.active_count()
    assert queue.wait("a") == "a!"
    deadline = time.monotonic() + 60
    while queue._threads and time.monotonic() < deadline:
        time.sleep(0.005)
    assert queue._threads == 0 and threading.active_count() <= before
    assert queue.wait("b") == "b!"


def test_a_crowd_is_answered_once_each() -> None:
    counted: list[str] = []
    lock = threading.Lock()

    def work(asked: list[str]) -> list[str]:
        with lock:
            counted.extend(asked)
        return asked

    queue = Together(work, str, threads=2, most=7)
    answers: list[str] = []

    def ask(number: int) -> None:
        answers.extend(queue.wait(f"{number}-{turn}") for turn in range(20))

    crowd = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert sorted(answers) == sorted(counted) == sorted(f"{n}-{turn}" for n in range(20) for turn in range(20))
