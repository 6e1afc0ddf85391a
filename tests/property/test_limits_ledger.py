"""Whatever is done to the ledger in whatever order: never over, nothing twice, the same as a plain reckoning."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger, LedgerError, Reservation
from weir.limits.store import Store
from weir.model import Principal

AMOUNT, HOLD_S, START = 1000, 50, 1_800_000_000  # the hour begins with START
BUDGETS = (
    Budget("org", Scope.ORG, Unit.TOKENS, AMOUNT, Window.MONTH),
    Budget("team", Scope.TEAM, Unit.TOKENS, AMOUNT // 2, Window.MONTH),
)
TEAMS = ("red", "blue")
NAMES = st.sampled_from([f"c{n}" for n in range(8)])


class LedgerMachine(RuleBasedStateMachine):
    """The ledger beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="weir-ledger-")
        self.now = START
        self.ledger = Ledger(
            Store.open(Path(self.folder.name) / "l.db"), BUDGETS, hold_s=HOLD_S, clock=lambda: float(self.now)
        )
        self.claims: dict[str, tuple[str, int, int]] = {}  # team, tokens, expires
        self.ended: dict[str, int | None] = {}  # None: released; else what was used
        self.over = 0  # what settlements used beyond what was held: the truth is written down even so

    def held(self, team: str | None = None) -> int:
        live = [c for name, c in self.claims.items() if name not in self.ended and c[2] > self.now]
        return sum(tokens for whose, tokens, _ in live if team in (None, whose))

    def spent(self, team: str | None = None) -> int:
        return sum(used for name, used in self.ended.items() if used and team in (None, self.claims[name][0]))

    @rule(name=NAMES, team=st.sampled_from(TEAMS), tokens=st.integers(0, 400))
    def reserve(self, name: str, team: str, tokens: int) -> None:
        claim = Claim(name, Principal(team=team), "s", "m", tokens, None)
        if name in self.claims:
            live = name not in self.ended and self.claims[name][2] > self.now
            try:
                assert isinstance(self.ledger.reserve(claim), Reservation) and live
            except LedgerError:
                assert not live
            return
        fits = tokens == 0 or (
            self.spent() + self.held() + tokens <= AMOUNT and self.spent(team) + self.held(team) + tokens <= AMOUNT // 2
        )
        answer = self.ledger.reserve(claim)
        assert isinstance(answer, Reservation if fits else Refused)
        if fits:
            self.claims[name] = (team, tokens, self.now + HOLD_S)

    @rule(name=NAMES, used=st.integers(0, 400))
    def settle(self, name: str, used: int) -> None:
        first = name in self.claims and self.ended.get(name) is None
        assert self.ledger.settle(name, Actual(used, None)).first is first
        if first:
            self.over += max(0, used - self.claims[name][1])
            if self.claims[name][2] <= self.now or name in self.ended:
                self.over += used
            self.ended[name] = used

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        open_still = name in self.claims and name not in self.ended
        assert self.ledger.release(name) is open_still
        if open_still:
            self.ended[name] = None

    @rule(name=NAMES)
    def renew(self, name: str) -> None:
        live = name in self.claims and name not in self.ended and self.claims[name][2] > self.now
        assert self.ledger.renew(name) is live
        if live:
            self.claims[name] = (*self.claims[name][:2], self.now + HOLD_S)

    @rule(seconds=st.integers(1, HOLD_S))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def agrees(self) -> None:
        found = {(one.account.budget.id, one.account.name): one for one in self.ledger.standings()}
        for key, one in found.items():
            team = key[1] or None
            assert (one.spent, one.reserved) == (self.spent(team), self.held(team))
            assert one.spent + one.reserved <= one.account.budget.amount + self.over

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLedger = LedgerMachine.TestCase
