"""Several keys for one provider: shares by weight, and rest for one that is turned away."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from weir.keys.held import Fetched, Held
from weir.keys.live import LiveSecret
from weir.keys.pool import Change, Member, Pool
from weir.model import Secret

HOST = "api.openai.com"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def member(name: str, weight: int = 1, host: str = HOST) -> Member:
    return Member(name, Secret(f"synthetic-{name}", name=name, hosts=(host,)), weight)


def pool(*members: Member) -> tuple[Pool, Clock]:
    clock = Clock()
    return Pool(members, mono=clock), clock


def picks(one: Pool, count: int, affinity: str = "") -> list[str]:
    got = [one.pick(HOST, affinity) for _ in range(count)]
    return [member.id if member else "" for member in got]


def test_keys_take_turns_by_weight() -> None:
    one, _ = pool(member("a", 5), member("b"), member("c"))
    assert "".join(picks(one, 7)) == "aabacaa"
    assert Counter(picks(one, 700)) == {"a": 500, "b": 100, "c": 100}


def test_a_caller_keeps_its_key_and_shares_follow_the_weights() -> None:
    one, _ = pool(member("a", 3), member("b", 1))
    before = {f"user-{number}": picks(one, 3, f"user-{number}") for number in range(2000)}
    assert all(len(set(got)) == 1 for got in before.values())
    assert 1400 < sum(got[0] == "a" for got in before.values()) < 1600


def test_taking_one_out_moves_only_its_callers() -> None:
    one, clock = pool(member("a"), member("b"), member("c"))
    callers = [f"user-{number}" for number in range(300)]
    before = {caller: picks(one, 1, caller)[0] for caller in callers}
    one.report("b", 401)
    after = {caller: picks(one, 1, caller)[0] for caller in callers}
    assert all(after[caller] == key for caller, key in before.items() if key != "b")
    assert "b" not in after.values()
    clock.now += 60
    assert {caller: picks(one, 1, caller)[0] for caller in callers} == before


def test_a_refused_key_rests_longer_each_time_and_comes_back() -> None:
    one, clock = pool(member("a"), member("b"))
    rests = []
    for _ in range(8):
        change = one.report("a", 401)
        assert change is not None
        rests.append(change.rest_s)
        assert set(picks(one, 4)) == {"b"}
        clock.now += change.rest_s
        assert set(picks(one, 4)) == {"a", "b"}
    assert rests == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert one.report("a", 200) == Change("a", 200, 0)
    assert one.report("a", 200) is None
    assert one.report("a", 401) == Change("a", 401, 60)


@pytest.mark.parametrize(
    ("after", "rest"),
    [(None, 5), (30.0, 30), (0.5, 0.5), (86400.0, 600), (-3.0, 5), (float("nan"), 5), (float("inf"), 5), (0.0, 5)],
)
def test_a_limited_key_rests_as_long_as_the_provider_says(after: float | None, rest: float) -> None:
    one, clock = pool(member("a"), member("b"))
    assert one.report("a", 429, after) == Change("a", 429, rest)
    assert picks(one, 2) == ["b", "b"]
    clock.now += rest
    assert "a" in picks(one, 2)


def test_many_requests_that_were_under_way_count_once() -> None:
    one, _ = pool(member("a"), member("b"))
    assert one.report("a", 401) is not None
    assert [one.report("a", status) for status in (401, 429, 401, 200)] == [None] * 4
    assert one.health()[0].failures == 1 and one.health()[0].state == "resting"


def test_a_longer_wait_or_a_refusal_counts_after_a_limit() -> None:
    one, _ = pool(member("a"), member("b"))
    one.report("a", 429, 2)
    assert one.report("a", 429, 1) is None
    assert one.report("a", 429, 20) == Change("a", 429, 20)
    denied = one.report("a", 401)
    assert denied is not None and denied.rest_s >= 60


def test_nobody_takes_everybodys_key_out() -> None:
    """Asking in a place where no key of the company's is good, say: another region, somebody else's resource."""
    one, clock = pool(member("a"), member("b"))
    first = picks(one, 1, "mallory")[0]
    one.report(first, 200, affinity="ada")
    clock.now += 30
    assert one.report(first, 401, affinity="mallory") == Change(first, 401, 60, own=True)
    assert one.report(first, 401, affinity="mallory") is None
    assert {health.state for health in one.health()} == {"good"}
    assert first not in picks(one, 3, "mallory") and first in picks(one, 100)
    clock.now += 60
    assert picks(one, 1, "mallory") == [first]
    assert one.report(first, 401, affinity="mallory") == Change(first, 401, 60), "nobody was answered for a minute"


def test_callers_that_were_turned_away_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.keys.pool._CALLERS_MAX", 3)
    one, _ = pool(member("a"), member("b"))
    one.report("a", 200)
    for number in range(9):
        one.report("a", 401, affinity=f"user-{number}")
    assert [len(one._own), {health.state for health in one.health()}] == [3, {"good"}]
    assert picks(one, 1, "user-8") == ["b"]


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503, 529])
def test_what_is_not_the_keys_fault(status: int) -> None:
    one, _ = pool(member("a"))
    assert one.report("a", status) is None
    assert one.health()[0].state == "good"


def test_when_all_rest_the_first_that_is_back_is_tried() -> None:
    one, _ = pool(member("a"), member("b"))
    one.report("a", 401)
    one.report("b", 429, 10)
    assert picks(one, 3) == ["b"] * 3
    assert picks(one, 3, "anybody") == ["b"] * 3
    assert [health.state for health in one.health()] == ["resting", "resting"]


def test_a_key_goes_only_where_it_is_bound() -> None:
    one, _ = pool(member("a"), member("b", 100, "eu.api.openai.com"))
    assert set(picks(one, 5)) == {"a"}
    assert one.pick("evil.example") is None
    one.report("a", 401)
    assert set(picks(one, 5)) == {"a"}  # a resting key rather than one that is bound elsewhere


def test_a_key_without_a_value_is_passed_over() -> None:
    held = Held("keys.openai-2", lambda: Fetched("synthetic-live"))
    one, _ = pool(member("a"), Member("live", LiveSecret(held, name="live", hosts=(HOST,))))
    assert set(picks(one, 4)) == {"a"}
    assert [health.state for health in one.health()] == ["good", "missing"]
    held.refresh()
    assert set(picks(one, 4)) == {"a", "live"}


def test_mistakes_and_records(caplog: pytest.LogCaptureFixture) -> None:
    for wrong in ([], [member("a"), member("a")], [member("a", 0)]):
        with pytest.raises(ValueError, match="key"):
            Pool(wrong)
    one, _ = pool(member("a"))
    with pytest.raises(KeyError):
        one.report("b", 401)
    caplog.set_level(logging.INFO, "weir.keys")
    one.report("a", 401)
    assert [record.getMessage() for record in caplog.records] == ["key a: rests 60 s after 401"]
    assert "synthetic" not in repr(member("a")) + repr(one.health())


def test_another_key_is_one_that_does_not_rest() -> None:
    one, clock = pool(member("a"), member("b"), member("c", host="eu.api.openai.com"))
    got = one.another(HOST, without=("a",))
    assert got is not None and got.id == "b"
    one.report("b", 429, 60)
    assert one.another(HOST, without=("a",)) is None
    limited = one.another(HOST, without=("a",), tired=True)
    assert limited is not None and limited.id == "b"
    one.report("a", 401)
    assert one.another(HOST, tired=True, label="a") is None and one.another(HOST, label="c") is None
    clock.now += 60
    named = one.another(HOST, label="b")
    assert named is not None and named.id == "b"


def test_a_caller_who_was_turned_away_with_a_key_gets_no_other_turn_with_it() -> None:
    one, _ = pool(member("a"), member("b"))
    one.report("a", 200)
    one.report("a", 401, affinity="jane")
    got = [one.another(HOST, caller, label="a") for caller in ("jane", "joe")]
    assert got[0] is None and got[1] is not None
