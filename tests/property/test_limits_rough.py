"""Claims by bounds decide what counted claims decide, whatever is asked and ended in whatever order."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import given, settings

from weir.limits.admission import UNUSED, Admission, Hold
from weir.limits.budget import Claim, Refused
from weir.limits.gate import Admitted
from weir.limits.holding import End, Exactly
from weir.limits.plan import plan_of
from weir.limits.rows import Actual
from weir.limits.steps import Again
from weir.model import Principal
from weir.settings import loads

TEXT = """version: 1
budgets:
  - {tokens: 4000, per: month, warn_at: 50%}
  - {scope: team, usd: 0.002, per: month, downgrade: {big: small}}
  - {scope: user, tokens: 900, per: month}
"""
PRICE = {"big": 1000, "small": 100}  # nano-dollars a token


class Ask(NamedTuple):
    """A request of so many tokens, and how much more its bound says."""

    tokens: int
    times: int
    user: str
    team: str
    model: str


class End_(NamedTuple):
    """The open request of this number (modulo) ends: with all that was claimed, nothing, or this part of a hundred."""

    number: int
    how: str
    part: int


ASKS = st.builds(
    Ask,
    st.one_of(st.integers(1, 8), st.integers(1, 8), st.integers(90, 300)),
    st.integers(1, 6),
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["red", "blue"]),
    st.sampled_from(["big", "small"]),
)
ENDS = st.builds(End_, st.integers(0, 99), st.sampled_from(["all", "none", "part"]), st.integers(1, 100))


class Side:
    """One of the two."""

    def __init__(self, folder: Path, *, rough: bool) -> None:
        self.limits = Admission(plan_of(loads(TEXT), folder / f"{rough}.db"), lambda _: None)
        self.rough, self.counted = rough, 0
        self.open: dict[int, tuple[Hold, int]] = {}

    async def ask(self, number: int, one: Ask) -> tuple[str, ...]:
        who, name = Principal(user=one.user, team=one.team), f"c{number}"

        def make(tokens: int, *, rough: bool) -> Again:
            return lambda model, past: Claim(name, who, "s", model, tokens, tokens * PRICE[model], past, rough)

        async def count() -> Again:
            self.counted += 1
            await asyncio.sleep(0)
            return make(one.tokens, rough=False)

        first = make(one.tokens * (one.times if self.rough else 1), rough=self.rough)
        exactly = Exactly(count)
        got = await self.limits.ask(first(one.model, ()), again=first, exactly=exactly)
        if isinstance(got, Refused):
            return ("refused", got.reason, got.budget.id)
        assert isinstance(got, Admitted) and got.held
        hold = self.limits.hold(got, stream=False, over=lambda: False, how=lambda: None, exactly=exactly)
        self.open[number] = hold, one.tokens
        return ("admitted", hold.claim.model, *(() if got.refused is None else (got.refused.budget.id,)))  # type: ignore[union-attr]

    def end(self, number: int, how: str, part: int) -> None:
        hold, tokens = self.open.pop(number)
        used = max(1, tokens * part // 100)
        # A model without a price leaves its dollars to what was claimed.
        nano = used * PRICE[hold.claim.model] if part % 3 else None
        ends: dict[str, End] = {"all": None, "none": UNUSED, "part": Actual(used, nano)}
        self.limits.end(hold, ends[how])

    async def spent(self) -> dict[str, tuple[int, int]]:
        for number in list(self.open):
            self.end(number, "all", 100)
        while settling := set(self.limits._settling):
            await asyncio.wait(settling)
        found = await asyncio.to_thread(self.limits.gate.standings)
        return {one.account.id: (one.spent, one.reserved) for one in found}


async def _both(folder: Path, steps: Sequence[Ask | End_]) -> int:
    sides = [Side(folder, rough=True), Side(folder, rough=False)]
    try:
        for number, step in enumerate(steps):
            if isinstance(step, Ask):
                said = [await side.ask(number, step) for side in sides]
                assert said[0] == said[1]
            elif sides[0].open:
                which = list(sides[0].open)[step.number % len(sides[0].open)]
                for side in sides:
                    side.end(which, step.how, step.part)
        assert await sides[0].spent() == await sides[1].spent()
    finally:
        for side in sides:
            await side.limits.close()
    return sides[0].counted


SMALL, LARGE = Ask(3, 6, "ann", "red", "small"), Ask(290, 1, "ann", "red", "small")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 12), st.lists(st.one_of(ASKS, ASKS, ENDS), max_size=30))
def test_the_same_are_let_pass_and_the_same_is_spent(small: int, steps: list[Ask | End_]) -> None:
    with tempfile.TemporaryDirectory(prefix="weir-rough-") as folder:
        asyncio.run(_both(Path(folder), [*[SMALL] * small, *steps]))


def test_what_is_held_by_bounds_refuses_nobody(tmp_path: Path) -> None:
    # The bounds of the first two leave no room for the third; what they are does.
    assert asyncio.run(_both(tmp_path, [SMALL] * 10 + [LARGE] * 3)) == 10 + 3
