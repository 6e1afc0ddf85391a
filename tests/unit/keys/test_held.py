"""Secrets in memory: kept fresh in the background, kept on when a backend is down, and gone at their expiry."""

from __future__ import annotations

import logging
import pickle

import pytest

from harness.backends import Backend
from weir.keys.backends import SecretUnavailable
from weir.keys.held import Fetched, Held, Schedule

VALUE = "synthetic-" + "provider-key"


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def held(answer: Fetched | Exception, ttl_s: float = 300, keep_s: float = 3600) -> tuple[Held, Backend, Clock]:
    backend, clock = Backend(answer), Clock()
    one = Held("keys.openai", backend, scheme="vault", schedule=Schedule(ttl_s, keep_s), wall=clock, mono=clock)
    return one, backend, clock


def test_before_the_first_fetch_there_is_nothing() -> None:
    one, backend, _ = held(Fetched(VALUE))
    assert not one.available() and one.status().state == "missing"
    with pytest.raises(SecretUnavailable, match=r"keys\.openai: has not been fetched yet"):
        one.current()
    assert backend.asked == 0


def test_reading_never_asks_the_backend() -> None:
    one, backend, clock = held(Fetched(VALUE))
    assert one.refresh()
    for _ in range(100):
        clock.now += 20
        assert one.current() == VALUE
    assert backend.asked == 1
    assert one.status().state == "fresh" and one.status().failures == 0


def test_a_backend_that_is_down_keeps_the_last_value_until_it_expires() -> None:
    one, backend, clock = held(Fetched(VALUE))
    one.refresh()
    fetched = one.status().fetched
    backend.answer = SecretUnavailable("Vault cannot be reached")
    clock.now += 300
    assert not one.refresh()
    status = one.status()
    assert one.current() == VALUE
    assert (status.state, status.failures, status.refused, status.problem) == (
        "stale",
        1,
        False,
        "Vault cannot be reached",
    )
    assert status.fetched == fetched and status.failing_since is not None and status.expires is not None
    assert (status.expires - status.failing_since).total_seconds() == 3300
    clock.now += 3300
    assert one.status().state == "expired" and not one.available()
    with pytest.raises(SecretUnavailable, match="has expired; Vault cannot be reached"):
        one.current()
    backend.answer = Fetched("next")
    assert one.refresh() and one.current() == "next" and one.status().state == "fresh"


def test_tries_come_further_apart_and_no_more_than_a_minute() -> None:
    one, _, clock = held(SecretUnavailable("no", refused=True))
    waits = []
    for _ in range(12):
        one.refresh()
        waits.append(one.due - clock.now)
    assert 0.75 <= waits[0] <= 1 and 1.5 <= waits[1] <= 2 and 3 <= waits[2] <= 4
    assert all(45 <= wait <= 60 for wait in waits[7:])
    assert one.status().refused and one.status().failures == 12


@pytest.mark.parametrize(
    ("ttl_s", "life_s", "again_s", "low", "high"),
    [(300, None, None, 270, 300), (300, 100, None, 67, 75), (300, 3600, None, 270, 300), (300, 3600, 60, 54, 60)],
)
def test_the_next_fetch_is_ahead_of_the_end(
    ttl_s: float, life_s: float | None, again_s: float | None, low: float, high: float
) -> None:
    one, backend, clock = held(Fetched(VALUE), ttl_s=ttl_s)
    backend.answer = Fetched(VALUE, None if life_s is None else clock.now + life_s, again_s)
    one.refresh()
    assert low <= one.due - clock.now <= high


def test_a_token_is_not_used_beyond_its_own_end() -> None:
    one, backend, clock = held(Fetched(VALUE), keep_s=3600)
    backend.answer = Fetched(VALUE, clock.now + 100)
    one.refresh()
    clock.now += 99
    assert one.current() == VALUE
    clock.now += 1
    assert not one.available()
    assert not one.refresh()  # the same, which has ended
    assert "clocks" in one.status().problem


def test_what_a_backend_breaks_with_is_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    one, backend, _ = held(RuntimeError(f"reply was {VALUE}"))
    assert not one.refresh()
    assert one.status().problem == "the vault backend broke (RuntimeError)"
    assert VALUE not in caplog.text and VALUE not in repr(one.status())
    backend.answer = Fetched(VALUE)
    one.refresh()
    assert VALUE not in caplog.text + repr(one) + repr(one.status()) + repr(backend.answer)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(one)


def test_trouble_is_logged_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "weir.keys")
    one, backend, _ = held(SecretUnavailable("down"))
    for _ in range(5):
        one.refresh()
    backend.answer = Fetched(VALUE)
    one.refresh()
    assert [record.getMessage() for record in caplog.records] == [
        "secret keys.openai: down; there is no value",
        "secret keys.openai: available again after 5 failures",
    ]


def test_another_schedule_holds_from_the_next_fetch_on() -> None:
    held = Held("keys.openai", lambda: Fetched("value"), mono=lambda: 1000.0)
    held.refresh()
    assert 1270 <= held.due <= 1300
    held.reschedule(Schedule(ttl_s=30))
    held.refresh()
    assert 1027 <= held.due <= 1030


def test_a_clock_that_is_set_ends_no_key_that_does_not_end_by_itself() -> None:
    wall, mono = Clock(), Clock()
    one = Held("k", lambda: Fetched(VALUE), schedule=Schedule(300, 3600), wall=wall, mono=mono)
    assert one.refresh()
    wall.now += 30 * 86_400
    assert one.current() == VALUE and one.available() and one.status().state == "fresh"
    wall.now, mono.now = wall.now - 60 * 86_400, mono.now + 3600
    assert not one.available() and one.status().state == "expired"
