"""One principal out of many answers."""

from __future__ import annotations

import itertools

from weir.identity.resolve import asked, resolve
from weir.model import ANONYMOUS, Principal

KEY = Principal(app="bot", method="virtual_key", strength=3, key_id="vk-1")
BASIC = Principal(user="ada", team="finance", method="basic", strength=2)
NETWORK = Principal(team="office", device="desk", method="network", strength=1)


def test_the_strongest_wins_in_any_order_and_is_taken_whole() -> None:
    for order in itertools.permutations([KEY, None, BASIC, ANONYMOUS, NETWORK]):
        assert resolve(order) is KEY
    assert resolve([NETWORK, BASIC]) is BASIC


def test_the_first_wins_among_equals() -> None:
    other = Principal(user="bob", method="basic", strength=2)
    assert resolve([BASIC, other]) is BASIC
    assert resolve([other, BASIC]) is other


def test_nobody_is_anonymous() -> None:
    assert resolve([]) is ANONYMOUS
    assert resolve([None, None]) is ANONYMOUS


def test_who_was_asked() -> None:
    assert asked({"virtual_key": None, "basic": BASIC, "network": NETWORK}) == "virtual_key=no basic=yes network=yes"
    assert asked({}) == ""
