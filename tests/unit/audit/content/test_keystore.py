from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from weir.audit.content.kek import KeyRing, add_key, drop_old_keys
from weir.audit.content.keyfile import Places
from weir.audit.content.keystore import KeyStore, day_of
from weir.audit.content.slots import SIZE, Destroyed, Wrapped
from weir.audit.record import now_us

from .conftest import TODAY, Shelf

DAY = 86_400_000_000


def wrapped_bytes(store: KeyStore) -> list[bytes]:
    with store.file.changing() as places:
        return [slot.wrapped for _, slot in places.each() if isinstance(slot, Wrapped)]


def on_disk(shelf: Shelf, data: bytes) -> bool:
    return any(data in path.read_bytes() for path in shelf.files())


def test_erasing_a_user_destroys_all_keys_of_the_user(shelf: Shelf) -> None:
    kept = {name: shelf.keep(user=name, conversation=name) for name in ("anna", "bert")}
    shelf.keep(user="anna", conversation="other")
    done = shelf.keys.erase("user", "anna", now_us())
    assert (done.of, done.keys, done.recorded) == ("user", 2, False)
    assert "anna" not in done.subject
    slots = shelf.keys.lookup([one.key.key_id for one in kept.values()])
    assert isinstance(slots[kept["anna"].key.key_id], Destroyed)
    assert isinstance(slots[kept["bert"].key.key_id], Wrapped)


def test_erasing_a_conversation_leaves_the_users_others(shelf: Shelf) -> None:
    one, other = shelf.keep(conversation="c1"), shelf.keep(conversation="c2")
    before = wrapped_bytes(shelf.keys)
    assert shelf.keys.erase("conversation", "c1", now_us()).keys == 1
    assert shelf.keys.live() == {other.key.key_id}
    assert on_disk(shelf, one.key.key_id)  # which key it was, and that it was erased, can still be told
    assert [on_disk(shelf, data) for data in before] == [False, True]


def test_an_erasure_may_be_repeated(shelf: Shelf) -> None:
    shelf.keep()
    first = shelf.keys.erase("user", "anna", now_us())
    again = shelf.keys.erase("user", "anna", now_us())
    assert again.event_id == first.event_id  # not recorded yet, so it is the same one
    assert again.keys == 1
    shelf.keys.recorded(first.event_id)
    shelf.keys.recorded(first.event_id)
    assert shelf.keys.resume(now_us()) == []
    later = shelf.keys.erase("user", "anna", now_us())
    assert later.event_id != first.event_id
    assert later.keys == 0


def test_an_erasure_of_somebody_unknown_is_one_too(shelf: Shelf) -> None:
    shelf.keep()
    assert shelf.keys.erase("user", "nobody", now_us()).keys == 0
    assert len(shelf.keys.live()) == 1


@pytest.mark.parametrize(("of", "name"), [("user", ""), ("team", "x"), ("conversation", "")])
def test_an_erasure_needs_somebody(shelf: Shelf, of: str, name: str) -> None:
    shelf.keep(user="", conversation="")
    with pytest.raises(ValueError):
        shelf.keys.erase(of, name, now_us())
    assert len(shelf.keys.live()) == 1


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_step_is_completed(
    shelf: Shelf, step: int, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write, append and advance of the erasure is where the process dies once, before it and after it."""
    for conversation in ("c1", "c2"):
        shelf.keep(conversation=conversation)
    secret = wrapped_bytes(shelf.keys)
    count = 0

    def dying(real):  # type: ignore[no-untyped-def]
        def run(*given):  # type: ignore[no-untyped-def]
            nonlocal count
            count += 1
            if count == step + 1 and before:
                raise Crash
            done = real(*given)
            if count == step + 1:
                raise Crash
            return done

        return run

    with monkeypatch.context() as patched:
        for name in ("write", "append", "advance"):
            patched.setattr(Places, name, dying(getattr(Places, name)))
        with suppress(Crash):
            shelf.keys.erase("user", "anna", now_us())
    # A new process: it completes what was begun, and an erasure that never began is asked for again.
    done = KeyStore(shelf.directory).resume(now_us()) or [shelf.keys.erase("user", "anna", now_us())]
    assert len(done) == 1
    assert shelf.keys.live() == set()
    assert not any(on_disk(shelf, data) for data in secret)
    assert not done[0].recorded
    assert KeyStore(shelf.directory).resume(now_us())[0].event_id == done[0].event_id  # until its record stands
    shelf.keys.recorded(done[0].event_id)
    assert KeyStore(shelf.directory).resume(now_us()) == []


def test_a_place_that_cannot_be_read_does_not_outlive_an_erasure(shelf: Shelf) -> None:
    shelf.keep()
    (secret,) = wrapped_bytes(shelf.keys)
    path = shelf.directory / "keys"
    data = bytearray(path.read_bytes())
    data[2 * SIZE + 30] ^= 1  # whose key it is can't be told any more
    path.write_bytes(data)
    assert on_disk(shelf, secret)
    shelf.keys.erase("user", "anna", now_us())
    assert not on_disk(shelf, secret)


def test_a_day_that_is_over_ends_its_keys(shelf: Shelf) -> None:
    one = shelf.keep(expires_day=TODAY)
    other = shelf.keep(expires_day=TODAY + 1)
    assert shelf.keys.expire(now_us()) == 0
    assert shelf.keys.expire((TODAY + 1) * DAY) == 1
    slots = shelf.keys.lookup([one.key.key_id, other.key.key_id])
    assert slots[one.key.key_id] == Destroyed(one.key.key_id, "expired", (TODAY + 1) * DAY)
    assert isinstance(slots[other.key.key_id], Wrapped)
    assert day_of((TODAY + 1) * DAY - 1) == TODAY


def test_a_rotation_puts_every_key_under_the_new_one(shelf: Shelf) -> None:
    kept = shelf.keep()
    shelf.keep(user="bert")
    shelf.keys.erase("user", "bert", now_us())
    before, old = wrapped_bytes(shelf.keys), shelf.ring
    ring = add_key(shelf.root / "content.keys")
    done = shelf.keys.rewrap(ring)
    assert (done.done, done.unopened) == (1, 0)
    assert not any(on_disk(shelf, data) for data in before)
    assert [one.keys for one in shelf.keys.erasures()] == [1]
    assert drop_old_keys(shelf.root / "content.keys") == 1
    assert shelf.reader.read(kept.event_id).content.reply
    slot = shelf.keys.lookup([kept.key.key_id])[kept.key.key_id]
    assert isinstance(slot, Wrapped)
    assert old.unwrap(slot.kek_id, slot.key_id, slot.wrapped, slot.bound) is None
    assert shelf.keys.rewrap(shelf.ring) == done  # nothing to do


def test_a_rotation_tells_what_it_could_not_open(shelf: Shelf) -> None:
    shelf.keep()
    stranger = KeyRing([b"x" * 32])
    before = wrapped_bytes(shelf.keys)
    assert shelf.keys.rewrap(stranger).unopened == 1
    assert wrapped_bytes(shelf.keys) == before
    shelf.keep(user="bert")  # the right ring still serves


def test_what_nobody_asks_for_any_more_is_left_out(shelf: Shelf) -> None:
    kept = [shelf.keep(conversation=f"c{number}") for number in range(10)]
    for number in range(9):
        shelf.keys.recorded(shelf.keys.erase("conversation", f"c{number}", now_us()).event_id)
    needed = kept[0].key.key_id
    assert shelf.keys.compact(lambda key_id: key_id == needed, now_us()) == 0  # of the last day
    gone = shelf.keys.compact(lambda key_id: key_id == needed, now_us() + 10 * DAY)
    assert gone == 17  # 8 destroyed keys, 9 erasures
    assert set(shelf.keys.lookup([one.key.key_id for one in kept])) == {needed, kept[9].key.key_id}
    assert shelf.keys.compact(lambda _: False, now_us() + 10 * DAY) == 0  # not worth a file yet


def test_an_erasure_without_a_record_is_never_left_out(shelf: Shelf) -> None:
    for number in range(10):
        shelf.keep(conversation=f"c{number}")
    done = shelf.keys.erase("user", "anna", now_us())
    assert shelf.keys.compact(lambda _: False, now_us() + 100 * DAY) == 10
    assert [one.event_id for one in shelf.keys.resume(now_us())] == [done.event_id]


def test_a_moved_key_does_not_open(shelf: Shelf) -> None:
    """Whoever can write the key file can't make one user's key another's."""
    shelf.keep()
    ring = shelf.ring
    with shelf.keys.file.changing() as places:
        ((_, slot),) = places.each()
    assert isinstance(slot, Wrapped)
    moved = replace(slot, user=b"x" * 16)
    assert ring.unwrap(slot.kek_id, slot.key_id, slot.wrapped, slot.bound) is not None
    assert ring.unwrap(moved.kek_id, moved.key_id, moved.wrapped, moved.bound) is None


def test_without_a_file_there_is_nothing_to_do(shelf: Shelf) -> None:
    assert shelf.keys.lookup([b"x" * 16]) == {}
    assert shelf.keys.live() == set()
    assert shelf.keys.expire(now_us()) == 0
    assert shelf.keys.resume(now_us()) == shelf.keys.erasures() == []
    assert shelf.keys.compact(lambda _: False, now_us()) == 0
    assert shelf.keys.rewrap(shelf.ring).done == 0
    assert not shelf.directory.exists()
