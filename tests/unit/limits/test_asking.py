"""How a loop asks: without threads where only the ledger is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from weir.limits.admission import UNUSED, Admission
from weir.limits.asking import Asking
from weir.limits.bringing import Box, Expected
from weir.limits.budget import Claim, Refused
from weir.limits.gate import Admitted, Gate
from weir.limits.plan import Plan, plan_of
from weir.limits.rates import Limited
from weir.limits.rows import Actual
from weir.limits.store import LedgerError
from weir.model import Principal
from weir.settings import loads

TEXT = 'version: 1\nbudgets: [{tokens: 100, per: month, downgrade: {"big": small}}]\nrates: [{streams: 1}]\n'


def claim(name: str, tokens: int = 60, model: str = "big", past: tuple[str, ...] = ()) -> Claim:
    return Claim(name, Principal(), "openai", model, tokens, None, past)


def asked(plan: Plan, *claims: Claim, **more: Any) -> list[Any]:
    async def main() -> list[Any]:
        gate = Gate(plan)
        asking = Asking(gate)
        try:
            return [await asking.admit(one, more.get("stream", False), False, more.get("again")) for one in claims]
        finally:
            asking.close()
            gate.close()

    return asyncio.run(main())


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(loads(TEXT), tmp_path / "limits.db")


def test_threads_open_the_ledger_and_are_not_asked_again(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    submit = Asking.submit
    monkeypatch.setattr(Asking, "submit", lambda self, work: (given.append(work), submit(self, work))[1])
    first, second, third = asked(plan, claim("a"), claim("b", 30), claim("c", 30))
    assert isinstance(first, Admitted) and isinstance(second, Admitted) and first.held and len(given) == 1
    assert isinstance(third, Refused)


def test_another_model_is_asked_for_and_places_are_given_back(plan: Plan) -> None:
    def again(model: str, past: tuple[str, ...]) -> Claim:
        return claim("b", 70, model, past)

    (first,) = asked(plan, claim("a"), stream=True)
    assert isinstance(first, Admitted)
    first, second = asked(plan, claim("x", 20), claim("b", 70), again=again)
    assert isinstance(second, Admitted) and second.claim.model == "small" and second.refused is not None
    refused, limited = asked(plan, claim("y", 100), claim("z", 1), stream=True)
    assert isinstance(refused, Refused) and not isinstance(limited, Limited), "no place is kept by who was refused"


def test_a_ledger_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        asked(plan_of(loads(TEXT), tmp_path / "nowhere" / "limits.db"), claim("a"))


@pytest.mark.parametrize("when", ["while it is being answered", "in the turn of its answer"])
def test_room_for_somebody_who_has_gone_is_given_back_before_the_end(
    plan: Plan, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_out = Box._hand_out

    async def main() -> int:
        limits = Admission(plan, lambda _: None)
        assert isinstance(await limits.ask(claim("opens", 1)), Admitted)
        taken, submit = asyncio.Event(), Expected.set_running_or_notify_cancel
        loop = asyncio.get_running_loop()

        def told(self: Expected[Any]) -> bool:
            loop.call_soon_threadsafe(taken.set)
            return submit(self)

        monkeypatch.setattr(Expected, "set_running_or_notify_cancel", told)
        with contextlib.closing(sqlite3.connect(tmp_path / "limits.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the ledger waits for it, with the question in hand
            task = asyncio.create_task(limits.ask(claim("gone", 30)))
            await taken.wait()
            if when == "while it is being answered":
                task.cancel()
                other.execute("COMMIT")
            else:
                monkeypatch.setattr(Box, "_hand_out", lambda self, got: (hand_out(self, got), task.cancel()))
                other.execute("COMMIT")
            await asyncio.wait({task})
            assert task.cancelled()
        await limits.close()
        last = Gate(plan)
        (one,) = await asyncio.to_thread(last.standings)
        last.close()
        return one.reserved

    assert asyncio.run(main()) == 1, "of the first alone, which nobody has ended"


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))])
def test_two_that_ask_as_fast_as_they_can_never_use_more_than_there_is(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance, spent, seen = random.Random(7), list[int](), list[int]()
    where = tmp_path / "limits.db" if kind == "sqlite" else request.getfixturevalue("postgresql").url
    text = 'version: 1\nbudgets: [{tokens: 20000, per: month, models: ["big*"]}]\nstores: {timeout_ms: 20000}\n'

    async def use(limits: Admission, name: str, tokens: int, part: float) -> None:
        task = asyncio.create_task(limits.ask(claim(name, tokens)))
        if part < 0.2:
            await asyncio.sleep(part / 20)
            task.cancel()
        try:
            got = await task
        except asyncio.CancelledError:
            return
        if not isinstance(got, Admitted):
            return
        hold = limits.hold(got, stream=False, over=lambda: False, how=lambda: None)
        await asyncio.sleep(part / 50)
        used = int(tokens * part)
        spent.append(used)
        limits.end(hold, Actual(used, None) if used else UNUSED)

    async def watch(limits: Admission) -> None:
        while True:
            for one in await asyncio.to_thread(limits.gate.standings):
                seen.append(one.spent + one.reserved)
            await asyncio.sleep(0.005)

    async def main() -> tuple[int, int]:
        both = [Admission(plan_of(loads(text), where), lambda _: None) for _ in range(2)]
        watching = asyncio.create_task(watch(both[0]))
        jobs = [
            use(both[number % 2], f"{kind} {number}", chance.randrange(1, 900), chance.random())
            for number in range(240)
        ]
        await asyncio.gather(*jobs)
        watching.cancel()
        await asyncio.wait({watching})
        for limits in both:
            await limits.close()  # what has not been written down yet is, now
        last = Gate(plan_of(loads(text), where))
        (one,) = await asyncio.to_thread(last.standings)
        last.close()
        return one.spent, one.reserved

    assert asyncio.run(asyncio.wait_for(main(), 60)) == (sum(spent), 0)
    assert spent and seen and max(seen) <= 20_000
