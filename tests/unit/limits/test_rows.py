"""What rows say."""

from __future__ import annotations

import pytest

from weir.limits import rows
from weir.limits.budget import AMOUNT_MAX, Account, Budget, Scope, Unit, Window
from weir.limits.rows import Actual, Hold, Row
from weir.limits.store import Store

BUDGET = Budget("b", Scope.ORG, Unit.TOKENS, 100, Window.DAY)


def test_what_was_used_of_which_unit() -> None:
    assert [Actual(3, 5).of(unit, 9) for unit in ("tokens", "nano_usd")] == [3, 5]
    assert [Actual(3, None).of(unit, 9) for unit in ("tokens", "nano_usd")] == [3, 9]


@pytest.mark.parametrize(("tokens", "nano_usd"), [(-1, 0), (0, -1), (AMOUNT_MAX + 1, None)])
def test_what_was_used_has_bounds(tokens: int, nano_usd: int | None) -> None:
    with pytest.raises(ValueError, match="from 0 to"):
        Actual(tokens, nano_usd)


def test_a_row_stands_only_by_a_budget_in_use() -> None:
    row = Row("id", "b", "ann", "tokens", 0, 7, 0)
    standing = row.standing({"b": BUDGET}, 3)
    assert standing and (standing.spent, standing.reserved, standing.account.name) == (7, 3, "ann")
    assert row.standing({}) is None


@pytest.mark.parametrize("count", [1, 2, 3, 100, 1500])
def test_any_number_at_once_on_either_store(store: Store, count: int) -> None:
    accounts = [Account(BUDGET, f"it's {number} ? {{ids}} %s", 0) for number in range(3)]
    names = [f"c'{number:04}%" for number in range(count)]
    held = [(name, accounts[place % 3].id, 10**14, 100 + place) for place, name in enumerate(names)]
    store.run(lambda connection: rows.open_accounts(store, connection, accounts))
    assert store.run(lambda connection: rows.hold(connection, [(name, "held", 100) for name in names], held))
    assert not store.run(lambda connection: rows.hold(connection, [(names[-1], "held", 100)], []))
    states, found = store.run(lambda connection: rows.claims(connection, [*names, "nobody"]))
    assert states == dict.fromkeys(names, "held")
    assert [found[name] for name in names] == [[Hold(*each[1:])] for each in held]
    store.run(lambda connection: rows.end(connection, names[:1], names[1:2]))
    states, found = store.run(lambda connection: rows.claims(connection, names))
    assert [states[name] for name in names[:3]] == ["settled", "released", "held"][:count] and not found[names[0]]
    assert [one.expires for name in names[1:2] for one in found[name]] == [0][: count - 1]


def test_what_is_held_and_what_is_over_of_each_account(store: Store) -> None:
    accounts = [Account(BUDGET, name, 0) for name in "ab"]
    first, second = (one.id for one in accounts)

    def work(connection: rows.Connection) -> None:
        rows.open_accounts(store, connection, accounts)
        held = [("x", first, 5, 50), ("y", first, 7, 60), ("y", second, 2, 60)]
        assert rows.hold(connection, [("x", "held", 50), ("y", "held", 60)], held)
        assert rows.live(connection, [first, second], 40) == ({first: 12, second: 2}, False)
        assert rows.live(connection, [first, second], 50) == ({first: 7, second: 2}, True)
        rows.bury(connection, [first, second], 50)
        assert rows.live(connection, [first], 40) == ({first: 7}, False)
        rows.prolong(connection, ["y"], 90)
        assert rows.live(connection, [first], 80) == ({first: 7}, False)
        locked = rows.lock(connection, [second, first, "nobody"])
        locked[first].spent, locked[first].warned = 10**15, 1
        rows.change(connection, [locked[first]])
        again = rows.lock(connection, [first, second])
        assert (again[first].spent, again[first].warned, again[second].spent) == (10**15, 1, 0)

    store.run(work)


def test_holds_are_trimmed_one_by_one(store: Store) -> None:
    accounts = [Account(BUDGET, name, 0) for name in ("ann", "bob")]
    store.run(lambda connection: rows.open_accounts(store, connection, accounts))
    held = [("x", accounts[0].id, 10, 100), ("x", accounts[1].id, 20, 100), ("y", accounts[0].id, 30, 100)]
    assert store.run(lambda connection: rows.hold(connection, [("x", "held", 100), ("y", "held", 100)], held))
    cuts = [(7, "x", accounts[0].id), (25, "x", accounts[1].id), (1, "z", accounts[0].id)]
    store.run(lambda connection: rows.trim(connection, cuts))
    live, _ = store.run(lambda connection: rows.live(connection, [one.id for one in accounts], 50))
    assert live == {accounts[0].id: 37, accounts[1].id: 20}
