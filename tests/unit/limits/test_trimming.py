"""What is held by bounds shrinks to what was counted before anybody is refused for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from weir.limits import trimming
from weir.limits.admission import Admission, Hold
from weir.limits.budget import Claim
from weir.limits.gate import Admitted
from weir.limits.holding import Exactly
from weir.limits.plan import plan_of
from weir.limits.steps import Again
from weir.model import Principal
from weir.settings import loads

TEXT = "version: 1\nbudgets: [{tokens: 1000, per: month}, {scope: team, name: red, tokens: 500, per: month}]\n"


class Held:
    """Limits with rough holds of 20 tokens each that are 4."""

    def __init__(self, folder: Path) -> None:
        self.limits = Admission(plan_of(loads(TEXT), folder / "limits.db"), lambda _: None)
        self.shrink = self.limits._asking._trimming.shrink
        self.counted: list[str] = []
        self.slow = asyncio.Event()
        self.slow.set()

    async def take(self, name: str, team: str = "", *, wrong: bool = False) -> Hold:
        claim = Claim(name, Principal(team=team), "openai", "big", 20, None, rough=True)

        async def count() -> Again:
            self.counted.append(name)
            await self.slow.wait()
            if wrong:
                raise ValueError("no")
            return lambda model, past: replace(claim, model=model, past=past, tokens=4, rough=False)

        exactly = Exactly(count)
        got = await self.limits.ask(claim, exactly=exactly)
        assert isinstance(got, Admitted)
        return self.limits.hold(got, stream=False, over=lambda: False, how=lambda: None, exactly=exactly)

    async def reserved(self) -> list[int]:
        return sorted(one.reserved for one in await asyncio.to_thread(self.limits.gate.standings))


def test_only_what_draws_on_the_account_is_counted(tmp_path: Path) -> None:
    async def main() -> None:
        held = Held(tmp_path)
        red, other = await held.take("a", "red"), await held.take("b")
        (account,) = held.limits.gate.draws(red.claim) - held.limits.gate.draws(other.claim)
        assert await held.reserved() == [20, 40]
        assert await held.shrink((account,)) and held.counted == ["a"]
        assert await held.reserved() == [4, 24]
        assert red.claim.tokens == 4 and red.exactly is None and other.claim.rough
        assert not await held.shrink((account,)), "there is nothing rough any more"
        await held.limits.close()

    asyncio.run(main())


def test_what_cannot_be_counted_keeps_its_bound_and_no_other_from_shrinking(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        held = Held(tmp_path)
        await held.take("a", wrong=True)
        hold = await held.take("b")
        assert await held.shrink(held.limits.gate.draws(hold.claim)) and await held.reserved() == [24]
        await held.limits.close()

    asyncio.run(main())
    assert "could not be counted: ValueError" in caplog.text


def test_nobody_waits_for_ever_and_what_ended_meanwhile_stays_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimming, "TRIMMING_S", 0.05)

    async def main() -> None:
        held = Held(tmp_path)
        hold = await held.take("a")
        held.slow.clear()
        accounts = held.limits.gate.draws(hold.claim)
        assert await held.shrink(accounts) and await held.reserved() == [20]
        monkeypatch.setattr(trimming, "TRIMMING_S", 20.0)
        waiting = asyncio.ensure_future(held.shrink(accounts))
        await asyncio.sleep(0)
        held.limits.end(hold, None)  # of which nobody knows what it used
        held.slow.set()
        assert await waiting
        while settling := set(held.limits._settling):
            await asyncio.wait(settling)
        (one,) = await asyncio.to_thread(held.limits.gate.standings)
        assert (one.spent, one.reserved) == (4, 0)
        await held.limits.close()

    asyncio.run(main())
