"""The file of earlier versions goes over into the database once, and nothing is lost when that is cut off."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.servers import Server
from weir.datadir import write_private
from weir.keys.virtual import VirtualKeys, VirtualKeysError, new_key
from weir.keys.virtual.old import read
from weir.keys.virtual.store import KeyStore

HMAC_KEY = bytes(range(32))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return tmp_path / "virtual.json"


def entry(number: int, key: str, **more: Any) -> dict[str, Any]:
    made = "2026-01-01T00:00:00+00:00"
    known = {"id": f"vk-{number}", "app": "bot", "team": "t", "user": "", "services": ["openai"], "created": made}
    return {
        "hash": hmac.digest(HMAC_KEY, key.encode(), "sha256").hex(),
        **known,
        "expires": None,
        "revoked": None,
    } | more


def write(path: Path, *entries: dict[str, Any]) -> None:
    write_private(path, json.dumps({"version": 1, "keys": entries}).encode())


def opened(old: Path) -> VirtualKeys:
    return VirtualKeys(old.with_name("limits.db"), HMAC_KEY, old=old)


def test_the_keys_stay_good_and_the_file_is_kept(old: Path) -> None:
    first, second = new_key(), new_key()
    write(old, entry(1, first), entry(2, second, revoked="2026-02-01T00:00:00+00:00"))
    ring = opened(old)
    found, gone = ring.lookup(first), ring.lookup(second)
    assert found is not None and found.services == ("openai",) and found.revoked is None
    assert gone is not None and gone.revoked is not None
    assert not old.exists() and len(read(old.with_name("virtual.json.migrated"))) == 2
    assert opened(old).list() == ring.list()


def test_cut_off_after_the_commit_it_is_done_again(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    write(old, entry(1, key))

    def broken(self: Path, target: object) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        with pytest.raises(VirtualKeysError, match=r"virtual\.json: cannot be moved"):
            opened(old)
    assert old.exists()
    store = KeyStore.of(old.with_name("limits.db"), HMAC_KEY, 5.0)
    ((one, _),) = store.every()
    assert one.record.id == "vk-1"
    ring = opened(old)  # what was revoked meanwhile stays so
    ring.revoke("vk-1")
    write(old, entry(1, key))
    found = opened(old).lookup(key)
    assert found is not None and found.revoked is not None and len(ring.list()) == 1


def test_a_revocation_by_an_earlier_version_is_taken_over(old: Path) -> None:
    key = new_key()
    write(old, entry(1, key))
    ring = opened(old)
    write(old, entry(1, key, revoked="2026-02-01T00:00:00+00:00"))
    ring.refresh()
    found = ring.lookup(key)
    assert found is not None and found.revoked is not None and not old.exists()


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
def test_a_damaged_entry_is_named_and_not_quoted(old: Path, field: str, value: object) -> None:
    damaged = entry(2, new_key())
    digest = damaged["hash"]
    write(old, entry(1, new_key()), damaged | {field: value})
    with pytest.raises(VirtualKeysError, match="key number 2 is damaged") as caught:
        opened(old)
    assert digest not in str(caught.value)
    assert old.exists() and not old.with_name("limits.db").exists()


@pytest.mark.parametrize("text", ["[]", "{}", '{"version": 2, "keys": []}', '{"version": 1, "keys": {}}', "{"])
def test_another_format_is_refused(old: Path, text: str) -> None:
    write_private(old, text.encode())
    with pytest.raises(VirtualKeysError, match=r"version 1|not JSON"):
        opened(old)


def test_a_file_open_to_others_is_refused(old: Path) -> None:
    write(old)
    old.chmod(0o644)
    with pytest.raises(VirtualKeysError, match="chmod 600"):
        opened(old)


@pytest.mark.needs("pg_ctlcluster")
def test_a_server_takes_the_keys_of_the_file_over_and_leaves_none(tmp_path: Path, postgresql: Server) -> None:
    file = tmp_path / "limits.db"
    local = VirtualKeys(file, HMAC_KEY)
    record, key = local.create(app="a")
    gone, _ = local.create(app="b")
    local.revoke(gone.id)
    found = local.lookup(key)
    assert found is not None
    local.used(found, "10.0.0.1", datetime.now(UTC))
    local.write_uses()
    ring = VirtualKeys(postgresql.url, HMAC_KEY, file=file)
    assert ring.lookup(key) == record and len(ring.list()) == 2
    assert {one.record.id: uses.count for one, uses in ring.every()} == {record.id: 1, gone.id: 0}
    local.refresh()
    assert local.lookup(key) is None and local.list() == ()  # revoked here, it must not be good there
    assert VirtualKeys(postgresql.url, HMAC_KEY, file=file).list() == ring.list()
    assert VirtualKeys(postgresql.url, HMAC_KEY, file=tmp_path / "none.db").list() == ring.list()
    assert not (tmp_path / "none.db").exists()
