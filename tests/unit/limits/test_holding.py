"""A rough claim is counted when its figures are wanted, once, and by whom they are wanted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from weir.limits.budget import Claim
from weir.limits.holding import UNUSED, End, Exactly, Hold
from weir.limits.rows import Actual
from weir.limits.steps import Again
from weir.model import Principal

ROUGH = Claim("c", Principal(), "openai", "big", 100, 1000, ("p",), rough=True)


def made(model: str, past: tuple[str, ...]) -> Claim:
    return replace(ROUGH, model=model, past=past, tokens=7, nano_usd=70, rough=False)


def test_it_is_counted_once_whoever_asks_and_whoever_goes() -> None:
    counted: list[int] = []

    async def count() -> Again:
        counted.append(1)
        await asyncio.sleep(0.01)
        return made

    async def main() -> None:
        exactly = Exactly(count)
        gone = asyncio.ensure_future(exactly.of(ROUGH))
        other = asyncio.ensure_future(exactly.of(replace(ROUGH, model="small", past=())))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await other).model == "small" and (await other).past == ()
        assert (await exactly.of(ROUGH)) == made("big", ("p",))

    asyncio.run(main())
    assert counted == [1]


def test_what_could_not_be_counted_may_be_tried_again() -> None:
    wrong = [ValueError("no")]

    async def count() -> Again:
        if wrong:
            raise wrong.pop()
        return made

    async def main() -> None:
        exactly = Exactly(count)
        with pytest.raises(ValueError, match="no"):
            await exactly.of(ROUGH)
        assert (await exactly.of(ROUGH)).tokens == 7

    asyncio.run(main())


@pytest.mark.parametrize(
    ("end", "vague", "told"),
    [
        (UNUSED, False, UNUSED),
        (None, True, Actual(100, 1000)),
        (Actual(5, None), True, Actual(5, 1000)),
        (Actual(5, 0), False, Actual(5, 0)),
    ],
)
def test_only_what_is_spent_by_the_claim_is_counted(end: End, vague: bool, told: End) -> None:
    async def count() -> Again:
        raise AssertionError

    hold = Hold(ROUGH, True, False, (), lambda: False, lambda: None, 0.0, exactly=Exactly(count))
    assert hold.vague(end) is vague and hold.told(end) == told
    hold.exactly = None
    assert not hold.vague(end)
