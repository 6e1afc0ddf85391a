from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.content.kek import KeyRing
from weir.audit.content.reader import STATES, ContentReader, Gone, Opened, Unreadable
from weir.audit.content.slots import SIZE, Wrapped
from weir.audit.record import new_event_id, now_us

from .conftest import TODAY, Shelf, talk


def why(shelf: Shelf, event_id: str, ct_hash: str = "", ring: KeyRing | None = None) -> str:
    with pytest.raises(Unreadable) as error:
        ContentReader(shelf.directory, ring or shelf.ring).read(event_id, ct_hash)
    assert "violet" not in str(error.value)
    return error.value.why


def test_an_event_is_read_by_its_id(shelf: Shelf) -> None:
    kept = [shelf.keep(talk(f"word{number}")) for number in range(5)]
    opened = shelf.reader.read(kept[3].event_id, kept[3].content_ct_hash)
    assert opened.content == talk("word3")
    assert (opened.event_id, opened.ct_hash, opened.ts_us) == (kept[3].event_id, kept[3].content_ct_hash, kept[3].ts_us)
    assert "word3" not in repr(opened)


def test_why_an_event_cannot_be_read(shelf: Shelf) -> None:
    kept = shelf.keep()
    assert why(shelf, new_event_id()) == "missing"
    assert why(shelf, kept.event_id, "0" * 64) == "altered"
    assert why(shelf, kept.event_id, ring=KeyRing([b"x" * 32])) == "locked"
    with pytest.raises(Unreadable, match="not among those given"):
        ContentReader(shelf.directory).read(kept.event_id)
    shelf.keys.erase("user", "anna", now_us())
    assert why(shelf, kept.event_id) == "erased"
    late = shelf.keep(user="bert", expires_day=TODAY)
    shelf.keys.expire((TODAY + 1) * 86_400_000_000)
    assert why(shelf, late.event_id) == "expired"
    (shelf.directory / "keys").unlink()
    assert why(shelf, kept.event_id) == "lost"
    with pytest.raises(ValueError):
        shelf.reader.read("none")


def test_a_key_place_that_was_changed_with_its_sum_is_found(shelf: Shelf) -> None:
    kept = shelf.keep()
    with shelf.keys.file.changing() as places:
        ((number, slot),) = places.each()
        assert isinstance(slot, Wrapped)
        places.write([(number, Wrapped(slot.key_id, b"x" * 16, *_rest(slot)))])
    assert why(shelf, kept.event_id) == "altered"


def _rest(slot: Wrapped) -> tuple[bytes, int, int, bytes, bytes]:
    return slot.conversation, slot.expires_day, slot.made_us, slot.kek_id, slot.wrapped


def test_many_events_are_read_in_one_go(shelf: Shelf) -> None:
    kept = [shelf.keep(talk(f"w{number}"), user=f"u{number % 3}") for number in range(12)]
    shelf.keys.erase("user", "u1", now_us())
    unknown = new_event_id()
    found = list(shelf.reader.read_each({one.event_id: one.content_ct_hash for one in kept} | {unknown: ""}))
    assert [one.event_id for one in found] == [*(one.event_id for one in kept), unknown]
    assert [isinstance(one, Opened) for one in found] == [number % 3 != 1 for number in range(12)] + [False]
    assert {one.why for one in found if isinstance(one, Gone)} == {"erased", "missing"}


def test_what_became_of_texts_is_told_without_a_key(shelf: Shelf) -> None:
    kept = {name: shelf.keep(user=name) for name in ("anna", "bert", "cleo", "dora")}
    shelf.keys.erase("user", "bert", now_us())
    asked = {one.event_id: one.content_ct_hash for one in kept.values()}
    asked[kept["cleo"].event_id] = "f" * 64
    asked[kept["dora"].event_id] = ""
    asked[unknown := new_event_id()] = "0" * 64
    states = ContentReader(shelf.directory).check(asked)
    assert [states[kept[name].event_id] for name in kept] == ["whole", "erased", "altered", "whole"]
    assert states[unknown] == "missing"
    assert set(states.values()) <= set(STATES)


def test_a_lost_key_file_is_told_from_an_erasure(shelf: Shelf) -> None:
    kept = shelf.keep()
    data = bytearray((shelf.directory / "keys").read_bytes())
    data[2 * SIZE + 5] ^= 1
    (shelf.directory / "keys").write_bytes(data)
    assert shelf.reader.check({kept.event_id: ""}) == {kept.event_id: "lost"}


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_damaged_segment_loses_only_its_own_entries(shelf: Shelf) -> None:
    first = [shelf.keep() for _ in range(3)]
    shelf.writers[0].close(5)
    other = shelf.writer()
    second = [shelf.keep(writer=other) for _ in range(3)]
    one, two = shelf.segments()
    flip(one, one.stat().st_size // 2)
    states = shelf.reader.check({kept.event_id: "" for kept in (*first, *second)})
    assert [states[kept.event_id] for kept in first] == ["whole", "missing", "whole"]
    assert {states[kept.event_id] for kept in second} == {"whole"}
    (problem,) = shelf.reader.problems()
    assert problem.startswith(f"{one.name}: byte ")
    one.write_bytes(b"")
    assert {type(found) for found in shelf.reader.read_each({kept.event_id: "" for kept in second})} == {Opened}
    assert two.exists()


def test_an_end_that_was_never_promised_is_no_problem(shelf: Shelf) -> None:
    shelf.keep()
    shelf.writers[0].close(5)
    (path,) = shelf.segments()
    path.write_bytes(path.read_bytes()[:-5])
    assert list(shelf.reader.problems()) == []


def test_an_entry_with_an_older_id_is_found_all_the_same(shelf: Shelf) -> None:
    """A clock that was put right must not hide what was kept before."""
    kept = shelf.keep(event_id="00000000-0000-7000-8000-000000000001")
    shelf.keep()
    assert shelf.reader.read(kept.event_id).content == talk()


def test_without_a_directory_everything_is_missing(shelf: Shelf) -> None:
    assert why(shelf, new_event_id()) == "missing"
    assert list(shelf.reader.problems()) == []
    assert not shelf.directory.exists()


def test_a_reader_that_lives_on_sees_an_erasure(shelf: Shelf) -> None:
    kept = shelf.keep()
    with shelf.reader as reader:
        assert reader.read(kept.event_id)
        shelf.keys.erase("user", "anna", now_us())
        with pytest.raises(Unreadable, match="erased"):
            reader.read(kept.event_id)
