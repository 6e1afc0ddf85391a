"""What ends goes with whoever asks next, or by itself in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from weir.limits import ending
from weir.limits.batch import Answer, Asked, Batch, Narrow, Release, Reservation, Settle, Settled
from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.ending import Ends
from weir.limits.gate import Gate
from weir.limits.plan import Plan
from weir.limits.rows import Actual
from weir.limits.store import LedgerError
from weir.model import Principal

BUDGET = Budget("org", Scope.ORG, Unit.TOKENS, 100, Window.MONTH)
Body = Callable[[Gate, Ends, list[list[Asked]]], Awaitable[None]]


@pytest.fixture
def during(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Body], None]:
    batches: list[list[Asked]] = []
    work = Batch.work

    def seen(batch: Batch, connection: Any) -> list[Answer]:
        done = work(batch, connection)
        batches.append(list(batch._asked))
        return done

    monkeypatch.setattr(Batch, "work", seen)

    def run(body: Body) -> None:
        async def main() -> None:
            gate = Gate(Plan((BUDGET,), (), tmp_path / "limits.db"))
            gate.open()
            try:
                await asyncio.wait_for(body(gate, Ends(gate), batches), 60)
            finally:
                gate.close()

        asyncio.run(main())

    return run


async def take(gate: Gate, ends: Ends, name: str, tokens: int = 60) -> Answer:
    wanted = gate.wanted(Claim(name, Principal(), "s", "m", tokens, None))
    assert not isinstance(wanted, Reservation | Narrow)
    return await ends.ask(wanted, lambda _: None)


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110  a thread's turn
        await asyncio.sleep(0.002)


def test_what_ends_goes_with_whoever_asks_next(during: Callable[[Body], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "LINGER_S", 60.0)

    async def body(gate: Gate, ends: Ends, batches: list[list[Asked]]) -> None:
        assert isinstance(await take(gate, ends, "a"), Reservation)
        got: list[object] = []
        ends.add(Settle("a", Actual(10, None)), got.append)
        ends.add(Release("nobody"), got.append)
        await asyncio.sleep(0.02)
        assert not got
        assert isinstance(await take(gate, ends, "b", 90), Reservation), "it finds the room that has just become free"
        assert got == [Settled(True), False] and [len(one) for one in batches] == [1, 3]

    during(body)


def test_it_goes_by_itself_in_a_moment(during: Callable[[Body], None]) -> None:
    async def body(gate: Gate, ends: Ends, batches: list[list[Asked]]) -> None:
        await take(gate, ends, "a")
        got: list[object] = []
        ends.add(Settle("a", None), got.append)
        await until(lambda: got)
        assert got == [Settled(True)]

    during(body)


def test_so_many_do_not_wait_any_longer(during: Callable[[Body], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "LINGER_S", 60.0)

    async def body(gate: Gate, ends: Ends, batches: list[list[Asked]]) -> None:
        got: list[object] = []
        for number in range(64):
            ends.add(Release(f"nobody {number}"), got.append)
        await until(lambda: len(got) == 64)
        assert len(batches) == 1

    during(body)


def test_what_cannot_be_asked_is_told_so_and_nobody_is_left_alone_for_longer(
    during: Callable[[Body], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(gate: Gate, ends: Ends, batches: list[list[Asked]]) -> None:
        for _ in range(3):
            gate.heard(LedgerError("away"))
        until_ = gate._ledger._until
        got: list[object] = []
        ends.add(Settle("a", None), got.append)
        with pytest.raises(LedgerError, match="a moment ago"):
            await take(gate, ends, "b")
        assert not got
        ends.flush()
        assert isinstance(got[0], LedgerError) and gate._ledger._until == until_

    during(body)


def test_a_refusal_is_an_answer(during: Callable[[Body], None]) -> None:
    async def body(gate: Gate, ends: Ends, batches: list[list[Asked]]) -> None:
        assert isinstance(await take(gate, ends, "a", 101), Refused)

    during(body)
