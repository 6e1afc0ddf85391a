"""How often a client turned the certificate down, until when that holds, and how much is remembered."""

from __future__ import annotations

import pytest

from weir.tls import pins
from weir.tls.pins import Pins, client_of

WHO = ("10.1.2.3", "aa")
HOUR = 3600.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_pinned_after_so_many_tries_and_for_so_many_hours(clock: Clock) -> None:
    known = Pins(clock)
    assert [known.failed(WHO, "h", 3, 24) for _ in range(2)] == [1, 2] and not known.holds(WHO, "h", 24)
    assert known.failed(WHO, "h", 3, 24) == 3 and known.holds(WHO, "h", 24)
    clock.now += 24 * HOUR - 1
    assert known.holds(WHO, "h", 24)
    assert not known.holds(WHO, "h", 12), "a policy with fewer hours holds at once"
    assert [known.failed(WHO, "h", 3, 24) for _ in range(3)] == [1, 2, 3]
    clock.now += 24 * HOUR
    assert not known.holds(WHO, "h", 24) and known.failed(WHO, "h", 3, 24) == 1


def test_tries_of_long_ago_do_not_count(clock: Clock) -> None:
    known = Pins(clock)
    known.failed(WHO, "h", 3, 24)
    known.failed(WHO, "h", 3, 24)
    clock.now += 25 * HOUR
    assert known.failed(WHO, "h", 3, 24) == 1


@pytest.mark.parametrize("other", [(("10.1.2.4", "aa"), "h"), (("10.1.2.3", "bb"), "h"), (WHO, "i")])
def test_neither_another_client_nor_program_nor_host(clock: Clock, other: tuple[tuple[str, str], str]) -> None:
    known = Pins(clock)
    known.failed(WHO, "h", 1, 24)
    assert known.holds(WHO, "h", 24) and not known.holds(*other, 24)


def test_who_sends_a_request_trusts(clock: Clock) -> None:
    known = Pins(clock)
    known.failed(WHO, "h", 2, 24)
    known.trusted(WHO, "h")
    assert known.failed(WHO, "h", 2, 24) == 1
    known.failed(WHO, "h", 2, 24)
    known.trusted(WHO, "h")
    assert not known.holds(WHO, "h", 24)


def test_leaving_without_a_word_counts_until_a_request_was_sent(clock: Clock) -> None:
    known = Pins(clock)
    assert [known.failed(WHO, "h", 2, 24, silent=True) for _ in range(2)] == [1, 2] and known.holds(WHO, "h", 24)
    known.trusted(WHO, "i")
    assert [known.failed(WHO, "i", 2, 24, silent=True) for _ in range(9)] == [0] * 9 and not known.holds(WHO, "i", 24)
    assert known.failed(WHO, "i", 2, 24) == 1, "saying so counts all the same"


def test_memory_is_bounded_and_one_client_cannot_take_the_others(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "_CLIENTS_MAX", 10)
    monkeypatch.setattr(pins, "_PLACES_MAX", 5)
    known = Pins(clock)
    known.failed(("quiet", "aa"), "h", 1, 24)
    for number in range(200):
        known.failed(WHO, f"host{number}", 1, 24)
    assert known.holds(("quiet", "aa"), "h", 24)
    assert [known.holds(WHO, f"host{number}", 24) for number in (194, 195, 199)] == [False, True, True]
    for number in range(20):
        known.failed((f"10.0.0.{number}", "aa"), "h", 1, 24)
    assert len(known._known) == 10 and not known.holds(WHO, "host199", 24)


def test_a_program_is_known_by_what_its_library_offers() -> None:
    browser = client_of("10.1.2.3", [0x0A0A, 0x1301, 0x1302], [0x1A1A, 0, 16, 43])
    again = client_of("10.1.2.3", [0xFAFA, 0x1301, 0x1302], [43, 16, 0, 0x2A2A, 21, 41])
    assert browser == again, "drawn by lot, padded, resumed: still the same"
    assert client_of("10.1.2.3", [0x1302, 0x1301], [0, 16, 43]) != browser
    assert client_of("10.1.2.3", [0x1301, 0x1302], [0, 16]) != browser
    assert client_of("10.1.2.4", [0x1301, 0x1302], [0, 16, 43])[0] == "10.1.2.4"


def test_programs_that_trust_do_not_push_out_those_that_pin(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "_PLACES_MAX", 5)
    known = Pins(clock)
    known.failed(WHO, "h", 2, 24)
    for number in range(20):
        known.trusted(("10.1.2.3", "browser"), f"host{number}", remember=False)
    assert known.failed(WHO, "h", 2, 24) == 2 and known.holds(WHO, "h", 24)
    known.trusted(WHO, "h", remember=False)
    assert not known.holds(WHO, "h", 24), "who was counted begins anew all the same"
