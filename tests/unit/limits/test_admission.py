"""Holds on an event loop: each ends once, lasts as long as its request, and what is owed is paid."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from weir.limits import admission as module
from weir.limits import asking
from weir.limits.admission import UNUSED, Admission, Hold
from weir.limits.batch import Answer, Batch
from weir.limits.budget import Claim, Refused, Standing
from weir.limits.gate import Admitted
from weir.limits.plan import Plan, plan_of
from weir.limits.rows import Actual
from weir.limits.store import LedgerError
from weir.model import Principal
from weir.settings import loads

TEXT = 'version: 1\nbudgets: [{tokens: 100, per: month, warn_at: 50%, downgrade: {"big": small}}]\n'


def claim(number: int, tokens: int = 60, model: str = "big", past: tuple[str, ...] = ()) -> Claim:
    return Claim(f"c{number}", Principal(), "openai", model, tokens, 1000, past)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(loads(TEXT + "stores: {hold_s: 10}"), tmp_path / "limits.db")


Body = Callable[[Admission, list[Standing]], Awaitable[None]]


def during(plan: Plan, body: Body) -> None:
    async def main() -> None:
        told: list[Standing] = []
        limits = Admission(plan, told.append)
        try:
            await asyncio.wait_for(body(limits, told), 60)
        finally:
            await limits.close()

    asyncio.run(main())


async def take(limits: Admission, number: int, tokens: int = 60, **more: Any) -> Hold:
    got = await limits.ask(claim(number, tokens))
    assert isinstance(got, Admitted)
    return limits.hold(got, **{"stream": False, "over": lambda: False, "how": lambda: None, **more})


async def settled(limits: Admission) -> tuple[int, int]:
    while settling := set(limits._settling):
        await asyncio.wait(settling)
    (one,) = await asyncio.to_thread(limits.gate.standings)
    return one.spent, one.reserved


def away(*_: Any, **__: Any) -> Any:
    raise LedgerError("away")


def test_an_end_counts_once_and_warns_once(plan: Plan) -> None:
    async def body(limits: Admission, told: list[Standing]) -> None:
        hold = await take(limits, 1)
        limits.end(hold, Actual(55, 10))
        limits.end(hold, UNUSED)
        assert await settled(limits) == (55, 0)
        assert [one.spent for one in told] == [55]
        limits.end(await take(limits, 2, 10), UNUSED)
        assert await settled(limits) == (55, 0)
        limits.end(await take(limits, 3, 10), None)
        assert await settled(limits) == (65, 0), "nobody knows: all that was held"
        limits.charge(claim(4), Actual(7, 0))
        assert await settled(limits) == (72, 0) and len(told) == 1

    during(plan, body)


def test_what_has_ended_leads_back_to_nothing(plan: Plan) -> None:
    """An exchange knows its hold and its policy: with the hold knowing the exchange both stay for the collector."""

    class Exchange:
        hold: Hold | None = None

    async def body(limits: Admission, _: list[Standing]) -> None:
        gc.collect()
        gc.disable()
        try:
            one = Exchange()
            one.hold = await take(limits, 1, over=lambda: one is None, how=lambda: UNUSED if one else None)
            limits.end(one.hold, Actual(1, 0))
            gone, one = weakref.ref(one), None  # type: ignore[assignment]
            await settled(limits)
            assert gone() is None
        finally:
            gc.enable()

    during(plan, body)


def test_a_refusal_waits_for_what_is_just_being_settled(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def again(model: str, past: tuple[str, ...]) -> Claim:
        return claim(2, model=model, past=past)

    async def body(limits: Admission, _: list[Standing]) -> None:
        limits.end(await take(limits, 1), UNUSED)
        got = await limits.ask(claim(2), again=again)
        assert isinstance(got, Admitted) and got.claim.model == "big", "not downgraded for a hold that was ending"
        limits.hold(got, stream=False, over=lambda: False, how=lambda: None)
        refused = await limits.ask(claim(3))
        assert isinstance(refused, Refused) and refused.reason == "held"

    during(plan, body)


def test_whoever_is_cancelled_holds_nothing(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(limits: Admission, _: list[Standing]) -> None:
        limits.end(await take(limits, 0, 1), UNUSED)
        work, begun, go = Batch.work, threading.Event(), threading.Event()

        def slowly(batch: Batch, connection: Connection) -> list[Answer]:
            begun.set()
            assert go.wait(10)
            return work(batch, connection)

        monkeypatch.setattr(Batch, "work", slowly)
        task, late = (asyncio.create_task(limits.ask(claim(number, 20), stream=True)) for number in (1, 2))
        assert await asyncio.to_thread(begun.wait, 10)
        for one in (task, late):  # the turn of one has come, that of the other may not
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
        go.set()
        monkeypatch.setattr(Batch, "work", work)
        while await settled(limits) != (0, 0):  # noqa: ASYNC110  it is given back by itself
            await asyncio.sleep(0.005)

    during(plan, body)


def test_a_missed_end_is_found_and_what_lasts_is_kept(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.01)

    async def body(limits: Admission, _: list[Standing]) -> None:
        renewed: list[str] = []
        monkeypatch.setattr(limits.gate, "renew", lambda claim, **_: renewed.append(claim.id))
        lasting = await take(limits, 1, 10)
        lasting.kept_at -= 5
        await take(limits, 2, 20, over=lambda: True, how=lambda: Actual(9, 1))
        while len(limits._open) > 1 or not renewed:  # noqa: ASYNC110  a tick of the keeper's
            await asyncio.sleep(0.005)
        assert renewed == ["c1"] and await settled(limits) == (9, 10)

    during(plan, body)


def test_what_the_store_does_not_take_is_owed(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.01)

    async def body(limits: Admission, _: list[Standing]) -> None:
        hold = await take(limits, 1)
        with monkeypatch.context() as patch:
            patch.setattr(limits.gate, "post", away)
            patch.setattr(limits.gate, "settle", away)
            limits.end(hold, Actual(33, 1))
            await settled(limits)
            assert limits.owed == 1
            await asyncio.sleep(0.05)
            assert limits.owed == 1, "it stays in the line"
        while limits.owed:  # noqa: ASYNC110  a tick of the keeper's
            await asyncio.sleep(0.005)
        assert await settled(limits) == (33, 0)

    during(plan, body)


def test_too_many_that_wait_are_a_failure_and_no_queue_without_end(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "WAITING_MAX", 0)

    async def body(limits: Admission, _: list[Standing]) -> None:
        with pytest.raises(LedgerError, match="too many"):
            await limits.ask(claim(1))

    during(plan, body)


def test_closing_ends_what_is_open(plan: Plan) -> None:
    async def body(limits: Admission, _: list[Standing]) -> None:
        await take(limits, 1, how=lambda: Actual(41, 1))

    during(plan, body)

    async def later(limits: Admission, _: list[Standing]) -> None:
        assert await settled(limits) == (41, 0)

    during(plan, later)


def test_another_plan_is_used(plan: Plan, tmp_path: Path) -> None:
    async def body(limits: Admission, _: list[Standing]) -> None:
        limits.use(plan_of(loads("version: 1\nrates: [{requests: 1}]"), tmp_path / "limits.db"))
        assert isinstance(await limits.ask(claim(1)), Admitted)
        assert not isinstance(await limits.ask(claim(2)), Admitted)

    during(plan, body)


def test_what_runs_in_the_background_keeps_its_room_until_it_is_told_of(plan: Plan) -> None:
    async def body(limits: Admission, told: list[Standing]) -> None:
        hold = await take(limits, 1)
        limits.keep(hold, "openai:resp_1")
        assert await settled(limits) == (0, 60) and isinstance(await limits.ask(claim(2)), Refused)
        assert not limits.told("openai:resp_2", Actual(1, 1))
        assert limits.told("openai:resp_1", Actual(12, 1)) and await settled(limits) == (12, 0)
        assert not limits.told("openai:resp_1", Actual(12, 1)), "it is charged by whoever asks again, or not at all"

    during(plan, body)


def test_what_nobody_fetches_is_given_back_and_charged_when_it_is_fetched_after_all(plan: Plan) -> None:
    async def body(limits: Admission, told: list[Standing]) -> None:
        hold = await take(limits, 1)
        limits.keep(hold, "k")
        hold.until = 0.0
        await limits._look()
        assert await settled(limits) == (0, 0)
        assert not limits.told("k", Actual(5, 1)), "the caller charges it"

    during(plan, body)


def test_what_runs_in_the_background_at_the_end_is_left_to_the_next_process(plan: Plan) -> None:
    async def body(limits: Admission, told: list[Standing]) -> None:
        limits.keep(await take(limits, 1), "k")
        await limits.close()
        again = Admission(plan, told.append)
        (one,) = await asyncio.to_thread(again.gate.standings)
        assert (one.spent, one.reserved) == (0, 0)
        await again.close()

    during(plan, body)


def test_one_hold_that_fails_keeps_no_other_from_its_end(plan: Plan) -> None:
    def broken() -> None:
        raise ValueError

    async def body(limits: Admission, told: list[Standing]) -> None:
        await take(limits, 1, 20, over=lambda: True, how=broken)
        await take(limits, 2, 30, over=lambda: True, how=lambda: Actual(3, 0))
        await limits._look()
        await limits._look()
        assert await settled(limits) == (23, 0)

    during(plan, body)


def test_what_could_not_be_given_back_is_given_back_later(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(limits: Admission, told: list[Standing]) -> None:
        hold = await take(limits, 1)
        with monkeypatch.context() as patch:
            patch.setattr(limits.gate, "post", away)
            limits.end(hold, UNUSED)
            assert await settled(limits) == (0, 60) and limits.owed == 1
        await limits._look()
        assert await settled(limits) == (0, 0) and limits.owed == 0

    during(plan, body)
