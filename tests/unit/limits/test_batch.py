"""One transaction for many: every answer is that of a request alone, also when nobody knows if a commit took place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from weir.limits.batch import (
    Answer,
    Asked,
    Batch,
    Charge,
    Narrow,
    NoAccount,
    Overtaken,
    Release,
    Renew,
    Reservation,
    Reserve,
    Settle,
    Settled,
    Trim,
)
from weir.limits.budget import Budget, Claim, Refused, Scope, Unit, Window, accounts
from weir.limits.rows import Actual, open_accounts
from weir.limits.store import LedgerError, Store
from weir.model import Principal

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
ORG = Budget("org", Scope.ORG, Unit.TOKENS, 1000, Window.MONTH, warn_from=500)
TEAM = Budget("team", Scope.TEAM, Unit.TOKENS, 300, Window.MONTH)
BUDGETS = {one.id: one for one in (ORG, TEAM)}


class Book:
    """A store and a clock."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, START

    def batch(self, *asked: Asked) -> Batch:
        return Batch(self.store, asked, BUDGETS, 60 * SECOND, lambda: self.now)

    def ask(self, *asked: Asked) -> list[Answer]:
        batch = self.batch(*asked)
        try:
            return self.store.run(batch.work)
        except NoAccount as none:
            missing = none.missing
            self.store.run(lambda connection: open_accounts(self.store, connection, missing))
        return self.store.run(batch.work)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    store = Store.open(tmp_path / "limits.db")
    yield Book(store)
    store.close()


def want(name: str, tokens: int = 100, team: str = "red", **changes: Any) -> Reserve:
    claim = replace(Claim(name, Principal(team=team), "openai", "gpt-5", tokens, None), **changes)
    return Reserve(claim, accounts(BUDGETS.values(), claim, START))


def kinds(answers: list[Answer]) -> list[type]:
    return [type(one) for one in answers]


def test_each_has_its_own_answer(book: Book) -> None:
    answers = book.ask(want("a", 200), want("b", 200), want("c", 100), want("d", 1), want("e", 700, "blue"))
    assert kinds(answers) == [Reservation, Refused, Reservation, Refused, Refused]
    first, second = answers[0], answers[2]
    assert isinstance(first, Reservation) and [one.reserved for one in first.standings] == [200, 200]
    assert isinstance(second, Reservation) and [one.reserved for one in second.standings] == [300, 300]
    assert kinds(book.ask(want("e", 300, "blue"), want("a"), want("f", 400, "green"))) == [
        Reservation, Reservation, Refused,
    ]  # fmt: skip


def test_what_ends_makes_room_for_who_asks_beside_it(book: Book) -> None:
    book.ask(want("a"), want("b"), want("c"))
    answers = book.ask(want("d", 170), Settle("a", Actual(30, None)), Release("b"), Release("nobody"), Renew("c"))
    assert kinds(answers)[:1] == [Reservation] and answers[1:] == [Settled(True), True, False, True]
    assert kinds(book.ask(want("e", 1))) == [Refused]


def test_a_warning_is_told_by_the_one_that_reaches_it(book: Book) -> None:
    book.ask(*(want(name, 100, name) for name in "abcdef"))
    answers = book.ask(*(Settle(name, None) for name in "abcdef"))
    assert [len(one.crossed) for one in answers if isinstance(one, Settled)] == [0, 0, 0, 0, 1, 0]


def test_a_charge_of_what_was_never_held_and_of_what_was(book: Book) -> None:
    held = want("a")
    book.ask(held)
    new = want("b", 100, "blue")
    answers = book.ask(Charge(held.claim, held.drawn, Actual(7, None)), Charge(new.claim, new.drawn, Actual(900, None)))
    assert [one.first for one in answers if isinstance(one, Settled)] == [True, True]
    assert book.ask(Charge(new.claim, new.drawn, Actual(900, None)), Settle("a", None)) == [Settled(False)] * 2
    assert isinstance(book.ask(want("c", 94))[0], Refused) and isinstance(book.ask(want("d", 93))[0], Reservation)


def test_an_id_that_has_ended_is_an_answer_of_its_own(book: Book) -> None:
    book.ask(want("a"), want("b"))
    book.ask(Settle("a", None))
    book.now += 61 * SECOND
    answers = book.ask(want("a"), want("b"), want("c"))
    assert kinds(answers) == [LedgerError, LedgerError, Reservation]


def test_who_was_seen_to_have_expired_does_not_come_back_with_the_clock(book: Book) -> None:
    book.ask(want("a", 300))
    book.now += 61 * SECOND
    assert kinds(book.ask(want("b", 300))) == [Reservation]
    book.now -= 30 * SECOND  # a's time has not come any more
    assert book.ask(Renew("a")) == [False] and kinds(book.ask(want("a", 300))) == [LedgerError]
    assert kinds(book.ask(want("c", 1))) == [Refused]
    book.ask(Release("b"))
    assert kinds(book.ask(want("c", 300))) == [Reservation]


def test_a_commit_that_took_place_though_nobody_said_so(book: Book) -> None:
    book.ask(want("a"), want("b"), want("c", 100, "blue"), want("d", 300, "green"))
    charge = want("new", 100, "green")
    batch = book.batch(
        Settle("a", Actual(300, None)), Release("b"), Renew("c"), Charge(charge.claim, charge.drawn, Actual(200, None)),
        want("e", 50, "blue"),
    )  # fmt: skip
    first = book.store.run(batch.work)
    again = book.store.run(batch.work)  # as after a connection that broke at the commit
    assert first == again and isinstance(first[3], Settled) and first[3].crossed
    assert book.ask(Settle("a", Actual(300, None)), Release("b")) == [Settled(False), False]
    (left,) = book.ask(want("f", 1000, "black"))
    assert isinstance(left, Refused) and left.standing.spent == 500 and left.standing.reserved == 100 + 300 + 50


def test_a_claim_made_meanwhile_is_noticed_and_nothing_is_left_behind(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.ask(want("a"))
    monkeypatch.setattr("weir.limits.rows.claims", lambda connection, ids: ({}, {}))  # as if it came after the look
    with pytest.raises(Overtaken):
        book.ask(want("b"), want("a"))
    monkeypatch.undo()

    def count(connection: Connection) -> object:
        return connection.exec_driver_sql("SELECT count(*) FROM weir_claims").scalar()

    assert book.store.run(count) == 1


def test_use_of_an_account_long_gone_is_no_error(book: Book) -> None:
    book.ask(want("a"))
    book.store.run(lambda connection: connection.exec_driver_sql("DELETE FROM weir_accounts WHERE budget = 'org'"))
    assert book.ask(Settle("a", None)) == [Settled(True)]


def rough(name: str, tokens: int, *budgets: Budget) -> Reserve:
    asked = Claim(name, Principal(), "s", "m", tokens, None, rough=True)
    return Reserve(asked, accounts(budgets, asked, START))


def test_a_rough_claim_is_measured_only_where_much_is_left(book: Book) -> None:
    asked = rough("a", 50, ORG)
    assert isinstance(book.ask(asked)[0], Reservation), "twenty times as much would fit"
    assert book.ask(rough("b", 50, ORG)) == [Narrow((asked.drawn[0].id,))]
    assert isinstance(book.ask(rough("c", 15, TEAM, ORG))[0], Reservation)
    (little,) = book.ask(rough("d", 16, TEAM, ORG))
    assert isinstance(little, Narrow) and len(little.accounts) == 1, "of the team's there is little left"
    past = replace(asked.claim, id="e", past=(ORG.id,))
    assert isinstance(book.ask(Reserve(past, asked.drawn))[0], Reservation), "whom it lets pass it does not measure"


def test_what_is_held_shrinks_and_never_grows(book: Book) -> None:
    first, full = rough("a", 50, ORG), rough("b", 990, ORG)
    book.ask(first)
    small = Trim(replace(first.claim, tokens=10, rough=False))
    exact = Reserve(replace(full.claim, rough=False), full.drawn)
    (refused,) = book.ask(exact)
    assert isinstance(refused, Refused) and refused.full == (first.drawn[0].id,)
    answers = book.ask(small, exact)
    assert answers[0] is True and isinstance(answers[1], Reservation), "in the same transaction"
    assert book.ask(Trim(replace(first.claim, tokens=900))) == [True]
    (refused,) = book.ask(Reserve(replace(exact.claim, id="c", tokens=1), exact.drawn))
    assert isinstance(refused, Refused) and refused.standing.reserved == 1000
    assert book.ask(Settle("a", None)) == [Settled(True)]
    assert book.ask(small) == [False] and book.ask(Trim(replace(first.claim, id="x"))) == [False]
