"""Keys are issued, rotated, revoked and taken over; nothing of them is kept but keyed hashes."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from weir.addresses import network
from weir.keys.virtual import Grant, KeyBudget, VirtualKeys, VirtualKeysError, new_key
from weir.keys.virtual.kept import Kept

Opened = Callable[..., VirtualKeys]
HOUR = timedelta(hours=1)


def test_create_and_lookup(keys: VirtualKeys) -> None:
    end = datetime(2027, 1, 1, 1, tzinfo=timezone(HOUR))
    record, key = keys.create(app="bot", team="finance", user="ada", services=["openai"], expires=end)
    assert keys.lookup(key) == record
    assert record.id.startswith("vk-") and record.id[3:] not in key
    assert record.expires == datetime(2027, 1, 1, tzinfo=UTC) and record.created is not None
    for other in (new_key(), key[:-1], ""):
        assert keys.lookup(other) is None


def test_the_file_is_private_and_holds_keyed_hashes_only(keys: VirtualKeys, tmp_path: Path) -> None:
    _, key = keys.create(app="bot")
    keys.stop()
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert files and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    held = b"".join(path.read_bytes() for path in files)
    assert key.encode() not in held and key[8:-6].encode() not in held


def test_everything_survives_the_store(keys: VirtualKeys, opened: Opened) -> None:
    first, key = keys.create(
        app="bot", team="zoë", services=("openai",), models=("gpt-5*",), operations=["chat"], note="demo",
        networks=[network("10.20.0.0/16"), network("2001:db8::/32")], budget=KeyBudget.parse("0.01/day"),
        expires=datetime.now(UTC) + HOUR,
    )  # fmt: skip
    second, _ = keys.create(user="ada")
    keys.revoke(second.id)
    again = opened()
    assert again.list() == keys.list()
    assert {record.id for record in again.list()} == {first.id, second.id}
    assert again.lookup(key) == first


def test_revoking_keeps_the_first_time(keys: VirtualKeys) -> None:
    record, key = keys.create(app="bot")
    assert keys.revoke(record.id)
    first = keys.lookup(key)
    assert keys.revoke(record.id) and not keys.revoke("vk-none")
    assert first is not None and first.revoked is not None and keys.lookup(key) == first


def test_a_rotated_key_is_the_same_with_another_secret(keys: VirtualKeys, opened: Opened) -> None:
    record, old = keys.create(app="bot", budget=KeyBudget.parse("1/day"))
    done = keys.rotate(record.id, HOUR)
    assert done is not None
    changed, new = done
    assert (changed.id, changed.budget) == (record.id, record.budget) and changed.rotated is not None and new != old
    for ring in (keys, opened()):
        now, was, is_now = datetime.now(UTC), ring.lookup(old), ring.lookup(new)
        assert was is not None and is_now is not None
        assert was.refusal("openai", now) == "" and was.refusal("openai", now + HOUR) == "rotated"
        assert is_now.refusal("openai", now + HOUR) == ""
    third = keys.rotate(record.id, timedelta(0))
    assert third is not None
    assert keys.lookup(old) is None  # only one predecessor is kept
    was = keys.lookup(new)
    assert was is not None and was.refusal("openai", datetime.now(UTC)) == "rotated"
    keys.revoke(record.id)
    for key in (new, third[1]):
        found = keys.lookup(key)
        assert found is not None and found.refusal("openai", datetime.now(UTC)) == "revoked"


def test_what_has_ended_is_not_rotated(keys: VirtualKeys) -> None:
    gone, _ = keys.create(app="a")
    keys.revoke(gone.id)
    past, _ = keys.create(app="b", expires=datetime.now(UTC) - HOUR)
    for record, why in ((gone, "revoked"), (past, "expired")):
        with pytest.raises(VirtualKeysError, match=why):
            keys.rotate(record.id, HOUR)
    assert keys.rotate("vk-none", HOUR) is None


def test_looking_and_ending_make_no_store(keys: VirtualKeys, tmp_path: Path) -> None:
    assert keys.every() == [] and keys.list() == () and not keys.any
    assert not keys.revoke("vk-1") and keys.rotate("vk-1", HOUR) is None
    assert list(tmp_path.iterdir()) == []


def test_keys_go_over_to_another_store_and_stay_good(keys: VirtualKeys, opened: Opened, tmp_path: Path) -> None:
    record, key = keys.create(app="bot", team="t")
    gone, _ = keys.create(app="old")
    there = opened(tmp_path / "other.db")
    assert there.take(one for one, _ in keys.every()) == (2, 0)
    assert there.lookup(key) == record
    keys.revoke(gone.id)
    keys.revoke(record.id)
    assert there.take(one for one, _ in keys.every()) == (0, 2)
    found = there.lookup(key)
    assert found is not None and found.revoked is not None
    assert there.take(one for one, _ in keys.every()) == (0, 0)
    assert there.fingerprint == keys.fingerprint != VirtualKeys(tmp_path / "third.db", bytes(32)).fingerprint


def test_another_hmac_key_is_a_sentence_and_no_empty_store(keys: VirtualKeys, tmp_path: Path) -> None:
    keys.create(app="a")
    with pytest.raises(VirtualKeysError, match=r"secrets/virtual-keys\.key"):
        VirtualKeys(tmp_path / "limits.db", bytes(32))


def test_a_grant_of_a_record_makes_one_like_it(keys: VirtualKeys) -> None:
    grant = Grant(app="a", models=("x",), networks=(network("10.0.0.0/8"),), budget=KeyBudget.parse("1/day"))
    record, _ = keys.issue(grant)
    assert Kept.grant_of(record) == grant


def test_many_at_once_lose_nothing(opened: Opened) -> None:
    made: list[tuple[str, str]] = []

    def work() -> None:
        own = opened(timeout_s=20.0)
        for _ in range(5):
            record, key = own.create(app="crowd")
            made.append((record.id, key))
            own.revoke(record.id)
        own.stop()

    crowd = [threading.Thread(target=work) for _ in range(6)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    ring = opened()
    assert len(made) == len(ring.list()) == 30
    assert all(found is not None and found.revoked for found in (ring.lookup(key) for _, key in made))
