"""Virtual keys: their form, the store, revoking and reloading."""

from __future__ import annotations

import json
import os
import stat
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from weir.keys.virtual import PREFIX, VirtualKey, VirtualKeys, VirtualKeysError, looks_virtual, new_key

HMAC_KEY = bytes(range(32))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> VirtualKeys:
    return VirtualKeys(tmp_path / "virtual.json", HMAC_KEY)


def test_a_key_has_prefix_entropy_and_checksum() -> None:
    keys = {new_key() for _ in range(200)}
    assert len(keys) == 200
    for key in keys:
        assert key.startswith(PREFIX)
        assert len(key) == 57
        assert looks_virtual(key)


def test_damaged_keys_do_not_look_virtual() -> None:
    key = new_key()
    for position in range(len(key)):
        other = "x" if key[position] != "x" else "y"
        assert not looks_virtual(key[:position] + other + key[position + 1 :])
    for value in ("", PREFIX, key[:-1], key + "0", key.upper(), key + "\n", " " + key, key[:-1] + "é", key[:-1] + "-"):
        assert not looks_virtual(value)


def test_create_and_lookup(store: VirtualKeys) -> None:
    record, key = store.create(app="bot", team="finance", user="ada", services=["openai"], expires=NOW)
    assert store.lookup(key) == record
    assert record.id.startswith("vk-")
    assert record.id[3:] not in key
    assert store.lookup(new_key()) is None
    assert store.lookup(key[:-1]) is None
    assert store.lookup("") is None
    principal = record.principal()
    assert (principal.app, principal.team, principal.user) == ("bot", "finance", "ada")
    assert (principal.method, principal.strength, principal.key_id) == ("virtual_key", 3, record.id)


def test_a_revoked_key_is_found_and_says_so(store: VirtualKeys) -> None:
    record, key = store.create(app="bot")
    assert store.revoke(record.id)
    assert store.revoke(record.id)
    assert not store.revoke("vk-none")
    found = store.lookup(key)
    assert found is not None
    assert found.revoked is not None
    assert found.refusal("openai", NOW) == "revoked"


@pytest.mark.parametrize(
    ("key", "at", "refusal"),
    [
        (VirtualKey("a"), NOW, ""),
        (VirtualKey("a", services=("openai", "groq")), NOW, ""),
        (VirtualKey("a", services=("groq",)), NOW, "service"),
        (VirtualKey("a", expires=NOW), NOW - timedelta(microseconds=1), ""),
        (VirtualKey("a", expires=NOW), NOW, "expired"),
        (VirtualKey("a", expires=NOW, revoked=NOW, services=("groq",)), NOW, "revoked"),
    ],
)
def test_refusals(key: VirtualKey, at: datetime, refusal: str) -> None:
    assert key.refusal("openai", at) == refusal
    assert key.allows("openai", at) == (not refusal)


def test_the_file_is_private_and_holds_keyed_hashes_only(store: VirtualKeys, tmp_path: Path) -> None:
    _, key = store.create(app="bot")
    path = tmp_path / "virtual.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert key not in text
    assert key[len(PREFIX) : -6] not in text
    assert VirtualKeys(path, HMAC_KEY).lookup(key) is not None
    assert VirtualKeys(path, bytes(32)).lookup(key) is None


def test_everything_survives_the_file(store: VirtualKeys, tmp_path: Path) -> None:
    berlin = timezone(timedelta(hours=1))
    first, key = store.create(
        app="bot", team="zoë", services=("openai", "groq"), expires=datetime(2027, 1, 1, 1, tzinfo=berlin)
    )
    second, _ = store.create(user="ada")
    store.revoke(second.id)
    again = VirtualKeys(tmp_path / "virtual.json", HMAC_KEY)
    assert again.list() == store.list()
    assert [record.id for record in again.list()] == [first.id, second.id]
    found = again.lookup(key)
    assert found is not None
    assert found.expires == datetime(2027, 1, 1, tzinfo=UTC)
    assert found.created is not None


def test_two_processes_do_not_lose_each_others_keys(store: VirtualKeys, tmp_path: Path) -> None:
    other = VirtualKeys(tmp_path / "virtual.json", HMAC_KEY)
    _, key_a = store.create(app="a")
    record_b, key_b = other.create(app="b")
    assert other.lookup(key_a) is not None
    assert store.lookup(key_b) is not None  # a key that is not known makes it look at the file
    assert not store.reload_if_changed()
    other.revoke(record_b.id)
    assert store.reload_if_changed()
    found = store.lookup(key_b)
    assert found is not None
    assert found.revoked is not None


def test_a_broken_change_is_reported_once_and_the_keys_stay(store: VirtualKeys, tmp_path: Path) -> None:
    _, key = store.create(app="a")
    path = tmp_path / "virtual.json"
    path.write_text("{")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    with pytest.raises(VirtualKeysError, match="is not JSON"):
        store.reload_if_changed()
    assert not store.reload_if_changed()
    assert store.lookup(key) is not None
    path.unlink()
    with pytest.raises(VirtualKeysError, match="is gone"):
        store.reload_if_changed()
    assert store.lookup(key) is not None


def test_a_file_open_to_others_is_refused(store: VirtualKeys, tmp_path: Path) -> None:
    store.create(app="a")
    (tmp_path / "virtual.json").chmod(0o644)
    with pytest.raises(VirtualKeysError, match="chmod 600"):
        VirtualKeys(tmp_path / "virtual.json", HMAC_KEY)
    with pytest.raises(VirtualKeysError, match="chmod 600"):
        store.create(app="b")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hash", "00"),
        ("hash", None),
        ("hash", "zz" * 32),
        ("id", 1),
        ("app", "a\nb"),
        ("services", "openai"),
        ("services", [1]),
        ("expires", "soon"),
        ("expires", "2026-01-01T00:00:00"),
        ("revoked", 5),
    ],
)
def test_a_damaged_entry_is_named_and_not_quoted(store: VirtualKeys, tmp_path: Path, field: str, value: object) -> None:
    store.create(app="a")
    store.create(app="b")
    path = tmp_path / "virtual.json"
    document = json.loads(path.read_text())
    digest = document["keys"][1]["hash"]
    document["keys"][1][field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(VirtualKeysError, match="key number 2 is damaged") as caught:
        VirtualKeys(path, HMAC_KEY)
    assert digest not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "{}", '{"version": 2, "keys": []}', '{"version": 1, "keys": {}}'])
def test_another_format_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "virtual.json"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(VirtualKeysError, match="version 1"):
        VirtualKeys(path, HMAC_KEY)


def test_what_cannot_be_recorded_is_refused(store: VirtualKeys, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        store.create(expires=datetime(2027, 1, 1))
    for bad in ("a\nb", "\x1b[2J", "x" * 201):
        with pytest.raises(ValueError, match="team is at most"):
            store.create(team=bad)
    assert not (tmp_path / "virtual.json").exists()


def test_lookup_takes_microseconds(store: VirtualKeys) -> None:
    _, key = store.create(app="a")

    def once() -> float:
        start = time.perf_counter()
        for _ in range(100):
            store.lookup(key)
        return (time.perf_counter() - start) / 100

    assert min(once() for _ in range(20)) < 20e-6


def test_a_key_issued_by_another_process_is_known_at_once(tmp_path: Path) -> None:
    path = tmp_path / "virtual.json"
    here, there = VirtualKeys(path, b"k" * 32), VirtualKeys(path, b"k" * 32)
    record, key = there.create(app="report", team="finance")
    assert here.lookup(key) == record
    path.write_bytes(b"not json")
    path.chmod(0o600)
    assert here.lookup(new_key()) is None
    assert here.lookup(key) == record
