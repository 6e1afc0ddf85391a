"""Guessing is slowed, by name and by address; honest mistakes are not; memory is bounded."""

from __future__ import annotations

import pytest

from weir.identity.throttle import FORGET_S, FREE_ADDRESS, FREE_NAME, LONGEST_S, Throttle


def test_a_few_mistakes_are_free_and_then_the_wait_doubles() -> None:
    throttle, now = Throttle(), 1000.0
    for _ in range(FREE_NAME):
        throttle.failed("10.0.0.1", "ada", now)
        assert throttle.wait("10.0.0.1", "ada", now) == 0.0
    waits = []
    for _ in range(10):
        throttle.failed("10.0.0.1", "ada", now)
        waits.append(throttle.wait("10.0.0.1", "ada", now))
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0] and max(waits) == LONGEST_S
    assert throttle.wait("10.0.0.1", "ada", now + LONGEST_S) == 0.0


def test_another_address_does_not_help_and_another_name_is_free() -> None:
    throttle = Throttle()
    for number in range(FREE_NAME + 1):
        throttle.failed(f"10.0.0.{number}", "ada", 0.0)
    assert throttle.wait("192.0.2.1", "ADA", 0.0) > 0
    assert throttle.wait("192.0.2.1", "bob", 0.0) == 0.0


def test_many_names_from_one_address_are_slowed_even_within_a_v6_network() -> None:
    for form in ("10.0.0.1", "::ffff:10.0.0.1", "2001:db8::{}"):
        throttle = Throttle()
        for number in range(FREE_ADDRESS + 1):
            throttle.failed(form.format(number), f"user{number}", 0.0)
        assert throttle.wait(form.format("ffff"), "fresh", 0.0) > 0, form
        assert throttle.wait("2001:db8:0:1::1", "fresh", 0.0) == 0.0


@pytest.mark.parametrize("form", ["{}ADA", " ada{}", "a{}da", "ａda{}", "ad\u00e1{}", "a\u200bda{}", "a\u00adda{}"])
def test_what_a_directory_takes_for_one_name_is_one_name_here(form: str) -> None:
    throttle = Throttle()
    for number in range(FREE_NAME + 1):
        throttle.failed(f"10.0.0.{number}", form.format(" " * number), 0.0)
    assert throttle.wait("192.0.2.1", "ada", 0.0) > 0
    assert throttle.wait("192.0.2.1", "adah", 0.0) == 0.0 and throttle.wait("192.0.2.1", "...", 0.0) == 0.0


def test_a_login_clears_its_name_but_not_the_address() -> None:
    throttle = Throttle()
    for number in range(FREE_ADDRESS + 1):
        throttle.failed("10.0.0.1", "ada" if number <= FREE_NAME else f"user{number}", 0.0)
    throttle.passed("ada")
    assert throttle.wait("192.0.2.1", "ada", 0.0) == 0.0
    assert throttle.wait("10.0.0.1", "ada", 0.0) > 0


def test_what_is_counted_is_told_and_forgotten_after_a_while() -> None:
    throttle = Throttle()
    told = [throttle.failed("10.0.0.1", "ada", float(number)).count for number in range(7)]
    assert told == [1, 2, 3, 4, 5, 6, 7]
    assert throttle.failed("10.0.0.1", "ada", 7 + FORGET_S).count == 1


def test_memory_is_bounded() -> None:
    throttle = Throttle(entries_max=100)
    for number in range(5000):
        throttle.failed(f"10.{number >> 8}.{number & 255}.1", str(number) + "x" * 10_000, 0.0)
        throttle.passed("nobody", f"Basic {number}")
    assert len(throttle) <= 200
    assert throttle.was_right("Basic 4999") and not throttle.was_right("Basic 1")
    assert throttle.wait("no address" * 1000, "n" * 10_000, 0.0) == 0.0


def test_without_a_name_only_the_address_counts() -> None:
    throttle = Throttle()
    for number in range(FREE_ADDRESS + 1):
        throttle.failed("10.0.0.1", "", float(number) / 100)
    assert throttle.wait("10.0.0.1", "", 0.3) > 0 and throttle.wait("10.0.0.2", "", 0.3) == 0.0
