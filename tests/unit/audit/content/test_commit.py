from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from weir.audit.content.commit import Committer
from weir.audit.content.entries import Head, frame
from weir.audit.content.kek import KeyRing, KeyRingError, add_key, drop_old_keys
from weir.audit.content.keystore import day_of
from weir.audit.content.reader import Gone, Opened
from weir.audit.content.sealer import Sealed, Sealer
from weir.audit.content.slots import Destroyed
from weir.audit.record import new_event_id, now_us
from weir.audit.spool.room import Room
from weir.sections_audit import Disk

from .conftest import TODAY, Shelf, talk


class Desk:
    """A committer and its sealer without a thread."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.asked = shelf, 0
        self.file = shelf.keys.file
        self.sealer = Sealer(shelf.keys.salt(), generation=self.file.generation)
        self.committer = Committer(shelf.directory, self.sealer, self.ring, 20_000)

    def ring(self) -> KeyRing:
        self.asked += 1
        return self.shelf.ring

    def seal(self, user: str = "anna", ts_us: int = 0, day: int = TODAY) -> Sealed:
        made = self.sealer.seal(
            talk(),
            event_id=new_event_id(),
            user=user,
            conversation="c",
            ts_us=ts_us or now_us(),
            expires_day=day,
        )
        assert made is not None
        return made

    def opens(self, sealed: Sealed) -> bool:
        (found,) = self.shelf.reader.read_each({sealed.event_id: sealed.content_ct_hash})
        return isinstance(found, Opened)

    def state(self, sealed: Sealed) -> str:
        """What verification says of it, without a key."""
        return self.shelf.reader.check({sealed.event_id: sealed.content_ct_hash})[sealed.event_id]


@pytest.fixture
def desk(shelf: Shelf) -> Iterator[Desk]:
    made = Desk(shelf)
    yield made
    made.committer.close()
    made.file.close()


def test_keys_are_stored_once(desk: Desk) -> None:
    batch = [desk.seal(), desk.seal(), desk.seal("bert")]
    desk.committer.commit(batch)
    desk.committer.commit([desk.seal()])
    assert desk.asked == 1
    assert desk.shelf.keys.live() == {one.key.key_id for one in batch}
    assert all(map(desk.opens, batch))


@pytest.mark.parametrize("stored", [True, False])
def test_what_an_erasure_overtook_is_not_written(desk: Desk, stored: bool) -> None:
    if stored:
        desk.committer.commit([desk.seal()])
    waiting, other = desk.seal(), desk.seal("bert")
    desk.shelf.keys.erase("user", "anna", now_us())
    desk.committer.commit([waiting, other])
    assert desk.committer.overtaken == 1
    assert not desk.opens(waiting)
    assert desk.opens(other)
    stored = b"".join(path.read_bytes() for path in desk.shelf.segments())
    assert waiting.payload[:200] not in stored and waiting.payload[-40:] not in stored
    assert desk.state(waiting) == "erased"  # its record names texts: nobody is to look for who took them away
    (gone,) = desk.shelf.reader.read_each({waiting.event_id: waiting.content_ct_hash})
    assert isinstance(gone, Gone) and gone.why == "erased"


def test_a_key_that_was_erased_while_an_event_waited_does_not_come_back(desk: Desk) -> None:
    """The event's clock ran ahead, so that only its key tells that it is from before."""
    desk.committer.commit([desk.seal()])
    waiting = desk.seal(ts_us=now_us() + 10**9)
    desk.shelf.keys.erase("user", "anna", now_us())
    desk.committer.look()
    desk.committer.commit([waiting])
    assert not desk.opens(waiting)
    assert desk.shelf.keys.live() == set()


def test_what_comes_after_an_erasure_is_kept(desk: Desk) -> None:
    desk.committer.commit([desk.seal()])
    desk.shelf.keys.erase("user", "anna", now_us())
    desk.committer.look()
    assert desk.sealer.held == 0
    later = desk.seal(ts_us=now_us() + 1)
    desk.committer.commit([later])
    assert desk.opens(later)


def test_what_waited_past_its_last_day_is_not_written(desk: Desk) -> None:
    waiting = desk.seal(day=day_of(now_us()) - 1)
    desk.committer.commit([waiting])
    assert desk.committer.overtaken == 1 and not desk.opens(waiting)
    assert desk.state(waiting) == "expired" and desk.shelf.keys.live() == set()


def test_an_empty_entry_excuses_nothing_by_itself(desk: Desk) -> None:
    """Somebody who puts one in the place of texts has no key for it that weir destroyed."""
    kept = desk.seal()
    desk.committer.commit([kept])
    (path,) = desk.shelf.segments()
    event = uuid.UUID(kept.event_id).bytes
    path.write_bytes(frame(Head(event, kept.key.key_id, kept.ts_us, TODAY, 0).pack()))
    assert desk.state(kept) == "altered" and not desk.opens(kept)


def test_a_rotation_while_an_event_waits_loses_nothing(desk: Desk) -> None:
    desk.committer.commit([desk.seal()])
    waiting = desk.seal()
    assert desk.shelf.keys.rewrap(add_key(desk.shelf.root / "content.keys")).done == 1
    drop_old_keys(desk.shelf.root / "content.keys")
    desk.committer.commit([waiting])
    assert desk.opens(waiting)


def test_a_ring_from_before_a_rotation_wraps_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds keys in memory while they are rotated would else write what nobody can read."""
    old = desk.shelf.ring
    for _ in range(2):  # with keys in the file, and without
        assert desk.shelf.keys.rewrap(add_key(desk.shelf.root / "content.keys")).unopened == 0
        drop_old_keys(desk.shelf.root / "content.keys")
        waiting = desk.seal()
        with monkeypatch.context() as patched:
            patched.setattr(desk.committer, "_ring", lambda: old)
            with pytest.raises(KeyRingError, match="rotated"):
                desk.committer.commit([waiting])
        desk.committer.commit([waiting])
        assert desk.opens(waiting)


def test_a_rotation_that_stopped_after_its_new_key_stops_nobody(desk: Desk) -> None:
    """Killed between the two files: the new key stands in front, and what was wrapped is under the old one."""
    path = desk.shelf.root / "content.keys"
    desk.committer.commit([desk.seal()])
    desk.shelf.keys.rewrap(add_key(path))
    drop_old_keys(path)
    before = path.read_bytes()
    add_key(path)
    waiting = desk.seal("bert")
    desk.committer.commit([waiting])
    assert desk.opens(waiting)
    after = path.read_bytes()
    path.write_bytes(before)
    assert desk.opens(waiting)  # nothing is under a key that no rotation has come to
    path.write_bytes(after)
    assert desk.shelf.keys.rewrap(add_key(path)).unopened == 0
    drop_old_keys(path)
    assert desk.opens(waiting)


def test_segments_are_changed_when_full(desk: Desk) -> None:
    for _ in range(100):
        desk.committer.commit([desk.seal()])
    files = desk.shelf.segments()
    assert len(files) > 1
    assert all(path.stat().st_size <= 20_000 for path in files)
    assert list(desk.shelf.reader.problems()) == []


def test_without_a_wrapping_key_nothing_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = desk.seal()

    def refuse() -> KeyRing:
        raise KeyRingError("not now")

    with monkeypatch.context() as patched:
        patched.setattr(desk.committer, "_ring", refuse)
        with pytest.raises(KeyRingError):
            desk.committer.commit([waiting])
    assert desk.shelf.segments() == []
    desk.committer.commit([waiting])
    assert desk.opens(waiting)


def test_keys_that_somebody_holds_are_asked_for_anew_after_a_rotation(shelf: Shelf) -> None:
    class Held:
        def __init__(self) -> None:
            self.ring, self.renewals = shelf.ring, 0

        def __call__(self) -> KeyRing:
            return self.ring

        def renewed(self) -> KeyRing:
            self.renewals += 1
            self.ring = shelf.ring
            return self.ring

    desk, held = Desk(shelf), Held()
    desk.committer = Committer(shelf.directory, desk.sealer, held, 20_000)
    desk.committer.commit([desk.seal("anna")])
    shelf.keys.rewrap(add_key(shelf.root / "content.keys"))
    drop_old_keys(shelf.root / "content.keys")
    later = desk.seal("bob")
    desk.committer.commit([later])
    assert held.renewals == 1 and isinstance(next(shelf.reader.read_each({later.event_id: ""})), Opened)


def test_below_the_floor_nothing_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [49 << 20]
    monkeypatch.setattr("weir.audit.spool.room.free_bytes", lambda path: free[0])
    room = Room(desk.shelf.directory, Disk(warn=60 << 20, floor=50 << 20), clock=iter(range(1_000)).__next__)
    committer = Committer(desk.shelf.directory, desk.sealer, desk.ring, 20_000, room)
    batch = [desk.seal()]
    with pytest.raises(OSError, match=r"audit\.disk\.floor"):
        committer.commit(batch)
    free[0] = (50 << 20) + 100  # too little for the entry, above the floor
    with pytest.raises(OSError, match=r"audit\.disk\.floor"):
        committer.commit(batch)
    assert not list(desk.shelf.directory.glob("*.content"))
    free[0] = 51 << 20
    committer.commit(batch)
    committer.close()
    assert desk.opens(batch[0])


def test_a_file_that_is_taken_away_is_replaced_by_another(desk: Desk) -> None:
    desk.committer.commit([desk.seal()])
    (path,) = desk.shelf.directory.glob("*.content")
    path.unlink()
    second = [desk.seal()]
    with pytest.raises(OSError, match="moved or removed"):
        desk.committer.commit(second)
    desk.committer.commit(second)
    assert desk.opens(second[0])


def test_a_disk_that_is_full_for_long_does_not_fill_the_key_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, later = desk.seal(), desk.seal()
    desk.shelf.keys.erase("user", "anna", now_us())
    with monkeypatch.context() as patch:
        patch.setattr(desk.committer, "_append", full)
        for _ in range(5):
            with pytest.raises(OSError, match="No space"):
                desk.committer.commit([waiting])
    desk.committer.commit([waiting])
    assert desk.state(waiting) == "erased" and desk.committer.overtaken == 1
    desk.committer.commit([later])
    assert desk.state(later) == "erased"
    with desk.file.changing() as places:
        slots = [slot for _, slot in places.each() if isinstance(slot, Destroyed)]
    assert len(slots) == 2, "one for each of the two that were written"


def test_a_key_of_husks_that_was_left_out_meanwhile_is_put_there_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = desk.seal()
    desk.shelf.keys.erase("user", "anna", now_us())
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(desk.committer, "_append", full)
        desk.committer.commit([waiting])
    with desk.file.changing() as places:
        places.rewrite([slot for _, slot in places.each() if slot is not None and not isinstance(slot, Destroyed)])
    desk.committer.commit([waiting])
    assert desk.state(waiting) == "erased"


def full(_: bytes) -> None:
    raise OSError(28, "No space left on device")
