"""Answers that threads bring to a loop: together, once each, and in time or not at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest

from weir.limits.bringing import Box
from weir.limits.store import LedgerError
from weir.limits.together import Together


class Work:
    """Answers with what it was asked, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, asked: list[str]) -> Sequence[str | Exception]:
        self.batches.append(asked)
        self.begun.set()
        assert self.go.wait(10)
        return [LedgerError(one) if one == "bad" else f"{one}!" for one in asked]


def during(
    body: Callable[[Together[str, str], Box[str], Work, list[int]], Awaitable[None]], timeout_s: float = 5.0
) -> None:
    async def main() -> None:
        work, stuck = Work(), list[int]()
        queue = Together(work, str, timeout_s=timeout_s)
        box = Box(queue.withdraw, lambda: stuck.append(1), timeout_s)
        try:
            await asyncio.wait_for(body(queue, box, work, stuck), 60)
        finally:
            work.go.set()

    asyncio.run(main())


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110  a thread's turn
        await asyncio.sleep(0.002)


def test_all_of_a_batch_wake_the_loop_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(queue: Together[str, str], box: Box[str], work: Work, _: list[int]) -> None:
        got: list[object] = []
        brought = list[int]()
        bring = box.bring
        monkeypatch.setattr(box, "bring", lambda answers: (brought.append(len(answers)), bring(answers)))
        queue.post(box, [("a", got.append)])
        await asyncio.to_thread(work.begun.wait, 10)
        queue.post(box, [("b", got.append), ("bad", got.append)])
        queue.post(box, [("c", got.append)])
        work.go.set()
        await until(lambda: len(got) == 4)
        assert [str(one) for one in got] == ["a!", "b!", "bad", "c!"] and isinstance(got[2], LedgerError)
        assert brought == [1, 3] and work.batches == [["a"], ["b", "bad", "c"]]

    during(body)


def test_who_is_forgotten_before_its_turn_is_not_asked_and_after_it_is_told() -> None:
    async def body(queue: Together[str, str], box: Box[str], work: Work, _: list[int]) -> None:
        got: list[object] = []
        (first,) = queue.post(box, [("a", got.append)])
        await asyncio.to_thread(work.begun.wait, 10)
        second, _third = queue.post(box, [("b", got.append), ("c", got.append)])
        box.forget(first)
        box.forget(second)
        work.go.set()
        await until(lambda: len(got) == 2)
        assert got == ["a!", "c!"] and work.batches == [["a"], ["c"]]

    during(body)


def test_nobody_waits_for_ever() -> None:
    async def body(queue: Together[str, str], box: Box[str], work: Work, stuck: list[int]) -> None:
        got: dict[str, object] = {}
        queue.post(box, [("a", lambda answer: got.update(a=answer))])
        await asyncio.to_thread(work.begun.wait, 10)
        queue.post(box, [("b", lambda answer: got.update(b=answer))])
        await until(lambda: got and len(stuck) > 1)
        assert isinstance(got["b"], LedgerError) and "busy" in str(got["b"]) and "a" not in got
        queue.post(box, [("c", lambda answer: got.update(c=answer))])
        await until(lambda: "c" in got)
        assert isinstance(got["c"], LedgerError)
        work.go.set()
        await until(lambda: len(got) == 3)
        assert got["a"] == "a!", "its turn had come: what became of it is told, however late"

    during(body, 0.05)


def test_one_that_cannot_take_its_answer_keeps_none_from_the_others() -> None:
    async def body(queue: Together[str, str], box: Box[str], work: Work, _: list[int]) -> None:
        told, got = list[object](), list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))

        def broken(_: object) -> None:
            raise ValueError

        work.go.set()
        queue.post(box, [("a", broken), ("b", got.append)])
        await until(lambda: got)
        assert [type(one) for one in told] == [ValueError]

    during(body)


def test_too_many_that_wait_are_refused_and_what_gives_back_is_not() -> None:
    async def body(queue: Together[str, str], box: Box[str], work: Work, _: list[int]) -> None:
        queue._waiting_max = 1
        got: list[object] = []
        queue.post(box, [("a", got.append)])
        await asyncio.to_thread(work.begun.wait, 10)
        queue.post(box, [("b", got.append)])
        with pytest.raises(LedgerError, match="1 requests wait"):
            queue.post(box, [("c", got.append)])
        queue.post(box, [("d", got.append)], always=True)
        work.go.set()
        await until(lambda: len(got) == 3)
        assert got == ["a!", "b!", "d!"]

    during(body)


def test_a_loop_that_is_closed_is_brought_nothing() -> None:
    async def make() -> Box[str]:
        return Box(lambda _: True, lambda: None, 1.0)

    box = asyncio.run(make())
    box.bring([])
