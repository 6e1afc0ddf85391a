"""The ledger on an event loop: awaited, never blocked on, and nothing stays held for whoever went away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.desk import Desk
from weir.limits.ledger import Actual, Ledger, Reservation
from weir.limits.store import Store
from weir.model import Principal

BUDGET = Budget("b", Scope.ORG, Unit.TOKENS, 1000, Window.MONTH)


def claim(name: str, tokens: int = 100) -> Claim:
    return Claim(name, Principal(), "openai", "gpt-5", tokens, None)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(Store.open(tmp_path / "limits.db"), (BUDGET,))
    yield made
    made.close()


def stands(ledger: Ledger) -> tuple[int, int]:
    ((spent, reserved),) = [(one.spent, one.reserved) for one in ledger.standings()]
    return spent, reserved


def test_a_claim_from_beginning_to_end(ledger: Ledger) -> None:
    async def run() -> None:
        desk = Desk(ledger)
        assert isinstance(await desk.reserve(claim("a")), Reservation)
        assert isinstance(await desk.reserve(claim("b", 901)), Refused)
        assert await desk.renew("a") and (await desk.settle("a", Actual(60, None))).first
        assert isinstance(await desk.reserve(claim("c")), Reservation) and await desk.release("c")
        assert (await desk.charge(claim("d"), Actual(5, None))).first and not await desk.renew("nobody")
        ledger.use(())
        assert await desk.reserve(claim("e")) and not (await desk.charge(claim("f"), Actual(5, None))).first
        ledger.use((BUDGET,))

    asyncio.run(run())
    assert stands(ledger) == (65, 0)


def test_many_at_once_share_a_budget_exactly_and_the_loop_goes_on(ledger: Ledger) -> None:
    async def run() -> list[Reservation | Refused]:
        desk, turns = Desk(ledger), 0
        waiting = asyncio.gather(*(desk.reserve(claim(str(number), 7)) for number in range(200)))
        while not waiting.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 1
        return await waiting

    answers = asyncio.run(run())
    assert sum(isinstance(one, Reservation) for one in answers) == 1000 // 7
    assert stands(ledger) == (0, 1000 // 7 * 7)


@pytest.mark.parametrize("begun", [False, True])
def test_of_a_waiter_that_is_cancelled_nothing_stays_held(ledger: Ledger, begun: bool) -> None:
    turn = ledger._store._turn
    assert turn is not None

    async def run() -> None:
        desk = Desk(ledger)
        with turn:  # the store is busy with something else
            first = asyncio.create_task(desk.reserve(claim("first")))
            await asyncio.sleep(0)
            while ledger._queue._waiting:  # noqa: ASYNC110  until its turn has come
                await asyncio.sleep(0)
            going = first if begun else asyncio.create_task(desk.reserve(claim("going")))
            await asyncio.sleep(0)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            await asyncio.sleep(0)
        if not begun:
            assert isinstance(await first, Reservation) and await desk.release("first")

    asyncio.run(run())
    ledger.settle("nobody", None)  # what was given back was asked for before
    assert stands(ledger) == (0, 0)
    if not begun:
        assert isinstance(ledger.reserve(claim("going")), Reservation)  # there had never been such a claim


def test_what_was_used_is_written_down_even_if_nobody_waits_for_it(ledger: Ledger) -> None:
    ledger.reserve(claim("a"))
    turn = ledger._store._turn
    assert turn is not None
    let = threading.Event()

    async def run() -> None:
        with turn:
            task = asyncio.create_task(Desk(ledger).settle("a", Actual(42, None)))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        let.set()

    asyncio.run(run())
    assert let.is_set() and not ledger.settle("a", Actual(1, None)).first and stands(ledger) == (42, 0)
