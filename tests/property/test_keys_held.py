"""Whatever a backend does, a secret is never given after its end, and nothing of it is told but its value."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from weir.keys.backends import SecretUnavailable
from weir.keys.held import Fetched, Held, Schedule
from weir.keys.pool import Member, Pool
from weir.model import Secret

STEPS = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from(["good", "token", "ended", "down", "broken", "wait"])), max_size=30
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_a_value_is_given_exactly_until_it_ends(steps: list[tuple[int, str]]) -> None:
    now, until, number, latest = 1000.0, 0.0, 0, ""
    answer = "good"

    def fetch() -> Fetched:
        if answer == "down":
            raise SecretUnavailable("down")
        if answer == "broken":
            raise KeyError(f"value-{number}")
        ends = {"good": None, "token": now + 90, "ended": now - 1}[answer]
        return Fetched(f"value-{number}", ends)

    held = Held("keys.x", fetch, schedule=Schedule(60, 300), wall=lambda: now, mono=lambda: now)
    for seconds, answer in steps:
        now += seconds
        number += 1
        if answer != "wait":
            worked = held.refresh()
            assert worked is (answer in ("good", "token"))
            if worked:
                until, latest = now + (300 if answer == "good" else 90), f"value-{number}"
            assert 0 < held.due - now <= 60
        status = held.status()
        assert held.available() is (now < until)
        assert (status.state in ("fresh", "stale")) is (now < until)
        assert "value-" not in f"{status!r}{held!r}"
        try:
            assert held.current() == latest and now < until
        except SecretUnavailable as error:
            assert now >= until
            assert "value-" not in str(error)


@settings(max_examples=150, deadline=None)
@given(
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    bound=st.integers(1, 31),
    events=st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from([200, 401, 403, 429, 500]),
            st.integers(0, 100),
            st.sampled_from(["", "u"]),
        ),
        max_size=40,
    ),
)
def test_a_pool_gives_a_good_key_of_that_host_if_there_is_one(
    weights: list[int], bound: int, events: list[tuple[int, int, int, str]]
) -> None:
    now = 0.0
    hosts = ["a.example" if bound >> number & 1 else "b.example" for number in range(len(weights))]
    members = [
        Member(f"k{number}", Secret("x", name="x", hosts=(host,)), weight)
        for number, (host, weight) in enumerate(zip(hosts, weights, strict=True))
    ]
    pool = Pool(members, mono=lambda: now)
    for number, status, seconds, affinity in events:
        pool.report(f"k{number % len(weights)}", status)
        now += seconds
        picked = pool.pick("a.example", affinity)
        states = {health.id: health.state for health in pool.health()}
        here = [member.id for member in members if member.secret.may_go_to("a.example")]
        assert (picked is None) is (not here)
        if picked is not None:
            assert picked.id in here
            assert states[picked.id] == "good" or all(states[name] == "resting" for name in here)
