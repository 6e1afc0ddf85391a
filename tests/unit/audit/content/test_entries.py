from __future__ import annotations

import pytest

from weir.audit.content.entries import (
    MARK,
    BadEntry,
    Entry,
    Head,
    SealedPart,
    frame,
    frames,
    heads,
    payload_at,
    read_head,
)

HEAD = Head(b"e" * 16, b"k" * 16, 1_700_000_000_000_000, 20_000, 2)
ENTRY = Entry(HEAD, (SealedPart(1, 0, True, 900, 7, b"x" * 40), SealedPart(3, 1, False, 4, 8, b"y" * 20)))


def test_an_entry_comes_back() -> None:
    assert Entry.unpack(ENTRY.pack()) == ENTRY
    assert read_head(ENTRY.pack()) == HEAD


@pytest.mark.parametrize("cut", range(1, 60))
def test_an_entry_that_ends_too_early_is_told(cut: int) -> None:
    with pytest.raises(BadEntry):
        Entry.unpack(ENTRY.pack()[:-cut])


def test_nothing_may_stand_behind_an_entry() -> None:
    with pytest.raises(BadEntry):
        Entry.unpack(ENTRY.pack() + b"\0")
    with pytest.raises(BadEntry):
        Entry.unpack(b"\x02" + ENTRY.pack()[1:])


def test_a_part_is_bound_to_its_entry_and_its_place() -> None:
    part = ENTRY.parts[0]
    other = Head(b"f" * 16, *(getattr(HEAD, name) for name in ("key_id", "ts_us", "expires_day", "count")))
    moved = SealedPart(1, 1, True, 900, 7)
    assert len({part.associated(HEAD), part.associated(other), moved.associated(HEAD)}) == 3
    assert part.associated(HEAD) == SealedPart(1, 0, True, 900, 7).associated(HEAD)  # known before it is encrypted
    assert part.ct_hash != ENTRY.parts[1].ct_hash


def payloads(data: bytes) -> list[bytes]:
    return [one.payload for one in frames(data) if one.payload]


WHOLE = [b"first", b"second" * 50, b"third"]
DATA = b"".join(map(frame, WHOLE))


def test_frames_come_back_in_order() -> None:
    assert payloads(DATA) == WHOLE
    assert not any(one.problem for one in frames(DATA))
    assert list(frames(b"")) == []


@pytest.mark.parametrize("place", range(len(frame(WHOLE[0])), len(frame(WHOLE[0])) + len(frame(WHOLE[1])), 7))
def test_damage_loses_only_what_is_damaged(place: int) -> None:
    broken = bytearray(DATA)
    broken[place] ^= 0x10
    found = list(frames(bytes(broken)))
    assert [one.payload for one in found] == [WHOLE[0], b"", WHOLE[2]]
    assert found[1].problem
    assert not found[1].torn
    assert found[1].offset == len(frame(WHOLE[0]))


def test_bytes_that_are_gone_lose_only_their_entry() -> None:
    start = len(frame(WHOLE[0]))
    assert payloads(DATA[: start + 5] + DATA[start + 25 :]) == [WHOLE[0], WHOLE[2]]
    assert payloads(b"garbage" + MARK + b"more" + DATA) == WHOLE


@pytest.mark.parametrize("cut", range(1, len(frame(WHOLE[2]))))
def test_an_unfinished_end_is_no_damage(cut: int) -> None:
    found = list(frames(DATA[:-cut]))
    assert [one.payload for one in found] == [*WHOLE[:2], b""]
    assert found[-1].torn


def test_damage_at_the_end_is_damage() -> None:
    for place in range(len(DATA) - len(frame(WHOLE[2])), len(DATA)):
        broken = bytearray(DATA)
        broken[place] ^= 1
        last = list(frames(bytes(broken)))[-1]
        assert last.problem
        assert not last.torn


def test_heads_are_read_without_the_texts() -> None:
    data = frame(ENTRY.pack()) + b"dirt" + frame(ENTRY.pack()) + frame(b"short")
    assert [head for _, head in heads(data)] == [HEAD, None, HEAD, None]
    assert [head for _, head in heads(data[:-3])] == [HEAD, None, HEAD, None]
    places = [at for at, head in heads(data) if head]
    assert [payload_at(data, at) for at in places] == [ENTRY.pack()] * 2
    assert payload_at(data, places[1] - 4) is None
    assert payload_at(data[:-30], places[0] + 1) is None
    broken = data[:60] + bytes([data[60] ^ 1]) + data[61:]
    assert payload_at(broken, 0) is None
