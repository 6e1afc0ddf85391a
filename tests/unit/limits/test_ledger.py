"""The ledger on both stores: what is held, settled, given back, and what stays true when things go wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from harness.servers import Server
from weir.limits.batch import Reserve
from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window
from weir.limits.ledger import Actual, Ledger, LedgerError, Reservation
from weir.limits.store import RequestError, Store
from weir.model import Principal

START = 1_800_000_000.0  # 2027-01-15T08:00:00Z
USD = 10**9

ORG = Budget("org", Scope.ORG, Unit.NANO_USD, 10 * USD, Window.MONTH, warn_from=8 * USD)
TEAM = Budget("team", Scope.TEAM, Unit.TOKENS, 1000, Window.MINUTE)


class Clock:
    """Time that goes when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def claim(name: str = "a", **changes: Any) -> Claim:
    return replace(Claim(name, Principal(team="red", user="ann"), "openai", "gpt-5", 100, USD), **changes)


Open = Callable[..., Ledger]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(store: Store, clock: Clock) -> Ledger:
    return Ledger(store, (ORG, TEAM), hold_s=60, clock=clock)


def spent(ledger: Ledger) -> dict[str, tuple[int, int]]:
    return {one.account.budget.id: (one.spent, one.reserved) for one in ledger.standings()}


def test_held_then_settled(ledger: Ledger) -> None:
    held = ledger.reserve(claim())
    assert isinstance(held, Reservation) and held.expires_at == int((START + 60) * 10**6) and not held.warnings
    assert [(one.account.name, one.reserved) for one in held.standings] == [("", USD), ("red", 100)]
    assert spent(ledger) == {"org": (0, USD), "team": (0, 100)}
    assert ledger.settle("a", Actual(40, USD // 2)).first
    assert spent(ledger) == {"org": (USD // 2, 0), "team": (40, 0)}


def test_what_is_repeated_counts_once(ledger: Ledger) -> None:
    assert ledger.reserve(claim()) is not None
    again = ledger.reserve(claim())
    assert isinstance(again, Reservation) and spent(ledger)["org"] == (0, USD)
    assert [ledger.settle("a", Actual(1, 5)).first for _ in range(3)] == [True, False, False]
    assert spent(ledger)["org"] == (5, 0)
    with pytest.raises(LedgerError, match="ended"):
        ledger.reserve(claim())


def test_all_or_nothing(ledger: Ledger) -> None:
    refused = ledger.reserve(claim(tokens=1001))
    assert isinstance(refused, Refused) and refused.scope is Scope.TEAM and refused.reason == "too large"
    assert refused.resets_at == int((START + 60) * 10**6)
    assert spent(ledger) == {"org": (0, 0), "team": (0, 0)}
    assert isinstance(ledger.reserve(claim(tokens=1000)), Reservation)  # the same id: a refusal leaves no trace


def test_given_back(ledger: Ledger) -> None:
    ledger.reserve(claim())
    assert [ledger.release("a"), ledger.release("a"), ledger.release("nobody")] == [True, False, False]
    assert spent(ledger) == {"org": (0, 0), "team": (0, 0)}
    assert ledger.settle("a", Actual(7, 7)).first  # usage turned up after all
    assert spent(ledger) == {"org": (7, 0), "team": (7, 0)}
    assert not ledger.release("a") and not ledger.settle("nobody", None).first


def test_what_is_not_known_costs_all_that_was_held(ledger: Ledger) -> None:
    ledger.reserve(claim("a"))
    ledger.reserve(claim("b"))
    ledger.settle("a", None)
    ledger.settle("b", Actual(1, None))
    assert spent(ledger) == {"org": (2 * USD, 0), "team": (101, 0)}


def test_a_hold_ends_by_itself_and_a_late_settlement_still_counts(ledger: Ledger, clock: Clock) -> None:
    ledger.reserve(claim("a", nano_usd=10 * USD))
    full = ledger.reserve(claim("b"))
    assert isinstance(full, Refused) and full.reason == "held"
    clock.now += 59
    assert ledger.renew("a")
    clock.now += 59
    assert spent(ledger)["org"] == (0, 10 * USD)
    clock.now += 1
    assert spent(ledger)["org"] == (0, 0) and not ledger.renew("a") and not ledger.renew("nobody")
    assert isinstance(ledger.reserve(claim("b")), Reservation)
    assert ledger.settle("a", Actual(1, 3 * USD)).first
    assert spent(ledger)["org"] == (3 * USD, USD)
    with pytest.raises(LedgerError):
        ledger.reserve(claim("a"))


def test_a_settlement_counts_in_the_window_it_was_reserved_in(ledger: Ledger, clock: Clock) -> None:
    ledger.reserve(claim(tokens=1000))
    clock.now += 60
    assert isinstance(ledger.reserve(claim("b", tokens=1000)), Reservation)
    ledger.settle("a", Actual(900, 0))
    assert spent(ledger)["team"] == (0, 1000)


def test_a_warning_is_told_once_and_shown_from_then_on(ledger: Ledger) -> None:
    for name in "abc":
        ledger.reserve(claim(name))
    assert ledger.settle("a", Actual(1, 8 * USD - 1)).crossed == ()
    (told,) = ledger.settle("b", Actual(1, 1)).crossed
    assert told.account.budget is ORG and told.percent == 80 and told.spent == 8 * USD
    assert ledger.settle("c", Actual(1, 1)).crossed == ()
    assert [one.account.budget.id for one in ledger.warnings()] == ["org"]
    held = ledger.reserve(claim("d"))
    assert isinstance(held, Reservation) and [one.account.budget.id for one in held.warnings] == ["org"]


def test_a_changed_policy_keeps_what_was_spent(ledger: Ledger) -> None:
    ledger.charge(claim(), Actual(10, 6 * USD))
    ledger.use((replace(ORG, amount=6 * USD),))
    refused = ledger.reserve(claim("b"))
    assert isinstance(refused, Refused) and refused.reason == "spent" and refused.asked == USD
    ledger.use(())
    assert ledger.reserve(claim("c")) == Reservation("c", int((START + 60) * 10**6))
    assert ledger.standings() == () and not ledger.charge(claim("d"), Actual(1, 1)).first


def test_a_charge_counts_once_and_settles_what_was_held(ledger: Ledger) -> None:
    assert ledger.charge(claim("a"), Actual(2000, 20 * USD)).first and not ledger.charge(claim("a"), Actual(1, 1)).first
    ledger.use((ORG,))
    assert spent(ledger) == {"org": (20 * USD, 0)}
    ledger.use((replace(ORG, amount=30 * USD),))
    ledger.reserve(claim("b"))
    assert ledger.charge(claim("b"), Actual(1, 1)).first and spent(ledger)["org"] == (20 * USD + 1, 0)


def test_a_downgrade_passes_the_budget_that_asked_for_it_and_counts(ledger: Ledger) -> None:
    ledger.use((replace(ORG, downgrade={"gpt-5": "gpt-5-mini"}), TEAM))
    refused = ledger.reserve(claim(nano_usd=11 * USD))
    assert isinstance(refused, Refused) and refused.instead == "gpt-5-mini"
    cheaper = claim(model="gpt-5-mini", nano_usd=12 * USD, past=(refused.budget.id,))
    assert isinstance(ledger.reserve(cheaper), Reservation) and spent(ledger)["org"] == (0, 12 * USD)


def test_old_rows_are_cleared_away(ledger: Ledger, store: Store, clock: Clock) -> None:
    for number in range(600):
        ledger.charge(claim(str(number)), Actual(0, 1))
    ledger.reserve(claim("kept"))
    clock.now += 86_400 + 61
    ledger.reserve(claim("new"))  # tidies on its way: more than a minute has gone by
    counted = "SELECT (SELECT count(*) FROM weir_claims), (SELECT count(*) FROM weir_holds)"
    assert store.run(lambda connection: tuple(connection.exec_driver_sql(counted).one())) == (1, 2)
    clock.now += 100 * 86_400
    ledger.tidy()
    assert store.run(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM weir_accounts").scalar()) == 0


@pytest.mark.parametrize("name", ["", "nul\0here", "half \ud800", "x" * 5000, "ann/@'\";--", "Žofie"])
def test_any_name_will_do(ledger: Ledger, name: str) -> None:
    assert isinstance(ledger.reserve(claim(principal=Principal(team=name))), Reservation)
    assert ledger.settle("a", Actual(5, 5)).first and spent(ledger)["team"] == (5, 0)


def test_threads_share_a_budget_exactly(ledger: Ledger) -> None:
    answers: list[Reservation | Refused] = []

    def ask(first: int) -> None:
        answers.extend(ledger.reserve(claim(f"{first}-{n}", tokens=0, nano_usd=USD // 3)) for n in range(5))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50 and sum(isinstance(one, Reservation) for one in answers) == 30
    assert spent(ledger)["org"] == (0, 30 * (USD // 3))


def test_what_is_wrong_with_one_claim_is_no_matter_of_those_beside_it(ledger: Ledger) -> None:
    asked = [ledger.wanted(claim(name)) for name in ("a", "half \ud800", "b")]
    answers = ledger._queue._answers([one for one in asked if isinstance(one, Reserve)])
    assert [type(one) for one in answers] == [Reservation, RequestError, Reservation]
    assert spent(ledger)["org"] == (0, 2 * USD)


def test_many_more_than_a_batch_are_all_answered(ledger: Ledger) -> None:
    with ThreadPoolExecutor(260) as crowd:
        answers = list(crowd.map(lambda n: ledger.reserve(claim(str(n), tokens=4, nano_usd=1)), range(260)))
        ended = list(crowd.map(lambda n: ledger.settle(str(n), Actual(2, 1)), range(260)))
    assert sum(isinstance(one, Reservation) for one in answers) == 250
    assert sum(one.first for one in ended) == 250 and spent(ledger) == {"org": (250, 0), "team": (500, 0)}


@pytest.mark.needs("pg_ctlcluster")
def test_a_server_that_is_down_is_said_so_and_found_again(postgresql: Server, clock: Clock) -> None:
    store = Store.open(postgresql.url, 2.0)
    store.run(lambda connection: connection.exec_driver_sql("TRUNCATE weir_accounts, weir_claims, weir_holds"))
    ledger = Ledger(store, (ORG,), clock=clock)
    try:
        first = ledger.reserve(claim("before the stop"))
        postgresql.stop()
        try:
            with pytest.raises(LedgerError) as caught:
                ledger.reserve(claim("down"))
            assert postgresql.url.split("@")[0].rpartition(":")[2] not in str(caught.value)
            assert caught.value.__cause__ is None and "PostgreSQL" in str(caught.value)
        finally:
            postgresql.start()
        assert isinstance(ledger.reserve(claim("up again")), Reservation) and isinstance(first, Reservation)
        assert ledger.release("before the stop")
    finally:
        ledger.close()
