from __future__ import annotations

import pytest

from weir.audit.content.slots import NOBODY, SIZE, Destroyed, Erased, Erasure, Wrapped, read_slot

SLOTS = [
    Wrapped(b"k" * 16, b"u" * 16, b"c" * 16, 20_000, 1_700_000_000_000_000, b"w" * 8, b"W" * 48),
    Destroyed(b"k" * 16, "erased", 5),
    Destroyed(b"k" * 16, "expired", 6),
    Destroyed(b"k" * 16, "unwritten", 6),
    Erasure(b"e" * 16, b"s" * 16, "user", 7),
    Erasure(b"e" * 16, b"s" * 16, "conversation", 7, 12, True),
]


@pytest.mark.parametrize("slot", SLOTS)
def test_a_place_comes_back(slot: Wrapped | Destroyed | Erasure) -> None:
    raw = slot.pack()
    assert len(raw) == SIZE
    assert read_slot(raw) == slot


@pytest.mark.parametrize("slot", SLOTS)
def test_a_changed_place_is_none(slot: Wrapped | Destroyed | Erasure) -> None:
    raw = slot.pack()
    for bit in range(SIZE * 8):
        broken = bytearray(raw)
        broken[bit // 8] ^= 1 << bit % 8
        assert read_slot(bytes(broken)) is None
    assert read_slot(raw[:-1]) is None
    assert read_slot(bytes(SIZE)) is None


def test_nothing_of_a_key_is_left_in_a_destroyed_place() -> None:
    raw = Destroyed(b"k" * 16, "erased", 5).pack()
    assert b"W" not in raw
    assert b"u" not in raw


def test_an_erasure_covers_what_was_said_before_it() -> None:
    user, conversation, other = b"u" * 16, b"c" * 16, b"o" * 16
    of_user = Erased([Erasure(b"e" * 16, user, "user", 100), Erasure(b"f" * 16, user, "user", 90)])
    assert of_user.covers(user, conversation, 100)
    assert not of_user.covers(user, conversation, 101)
    assert not of_user.covers(other, conversation, 50)
    assert not of_user.covers(conversation, user, 50)
    of_conversation = Erased([Erasure(b"e" * 16, conversation, "conversation", 100)])
    assert of_conversation.covers(NOBODY, conversation, 50)
    assert not of_conversation.covers(conversation, other, 50)
    assert not Erased().covers(user, conversation, 0)


def test_a_key_is_bound_to_its_owner_and_its_day() -> None:
    one = SLOTS[0]
    assert isinstance(one, Wrapped)
    others = [
        Wrapped(one.key_id, b"x" * 16, one.conversation, one.expires_day, one.made_us, one.kek_id, one.wrapped),
        Wrapped(one.key_id, one.user, b"x" * 16, one.expires_day, one.made_us, one.kek_id, one.wrapped),
        Wrapped(one.key_id, one.user, one.conversation, 99_999, one.made_us, one.kek_id, one.wrapped),
    ]
    assert one.bound not in {other.bound for other in others}
    assert b"W" * 48 not in one.bound
