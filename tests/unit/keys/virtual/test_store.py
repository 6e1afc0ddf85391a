"""The store by itself, in a file and in PostgreSQL: numbers of changes, rows that are damaged, uses that add up."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.servers import Server
from weir.addresses import network
from weir.keys.virtual.record import KeyBudget, Uses, VirtualKey, VirtualKeysError
from weir.keys.virtual.rows import Issued
from weir.keys.virtual.store import KeyStore, fingerprint

KEY = bytes(range(32))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(params=["file", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    if request.param == "file":
        return tmp_path / "limits.db"
    server: Server = request.getfixturevalue("postgresql")
    return server.url


@pytest.fixture
def store(where: Path | str) -> KeyStore:
    return KeyStore.of(where, KEY, 5.0)


def issued(number: int, **more: object) -> Issued:
    record = VirtualKey(f"vk-{number}", created=NOW + timedelta(seconds=number), **more)  # type: ignore[arg-type]
    return Issued(record, f"{number:064x}")


def test_only_what_changed_is_told(store: KeyStore) -> None:
    first = store.changes(None)
    assert first is not None and first.whole and first.keys == []
    store.put([issued(1), issued(2)])
    second = store.changes(first.mark)
    assert second is not None and not second.whole and [one.record.id for one in second.keys] == ["vk-1", "vk-2"]
    assert store.changes(second.mark) is None
    store.revoke("vk-2", NOW)
    third = store.changes(second.mark)
    assert third is not None and [one.record.revoked for one in third.keys] == [NOW]
    store.rotate("vk-1", "f" * 64, NOW, NOW + timedelta(hours=1))
    fourth = store.changes(third.mark)
    assert fourth is not None
    assert [(one.digest, one.old_digest) for one in fourth.keys] == [("f" * 64, f"{1:064x}")]
    for other in (("another store", 3), (fourth.mark[0], 10**6)):
        everything = store.changes(other)
        assert everything is not None and everything.whole and len(everything.keys) == 2


def test_a_record_is_what_it_was(store: KeyStore, where: Path | str) -> None:
    key = issued(
        1, app="bot", team="zoë", user="ada", services=("openai",), models=("gpt-5*",), operations=("chat",), note="n",
        networks=(network("10.20.0.0/16"),), budget=KeyBudget.parse("0.01/day"), expires=NOW, revoked=NOW, rotated=NOW,
    )  # fmt: skip
    store.put([key])
    again = KeyStore.of(where, KEY, 5.0)
    assert again.every() == [(key, Uses())]


def test_uses_add_up(store: KeyStore) -> None:
    store.put([issued(1), issued(2)])
    later = NOW + timedelta(minutes=1)
    store.use({"vk-1": Uses(3, NOW, "10.0.0.1"), "vk-2": Uses(1, NOW, "10.0.0.2", NOW)})
    store.use({"vk-2": Uses(1, later, "10.0.0.3")})
    assert [uses for _, uses in store.every()] == [Uses(3, NOW, "10.0.0.1"), Uses(2, later, "10.0.0.3", NOW)]


def test_changes_of_many_are_all_seen_by_whoever_follows(store: KeyStore, where: Path | str) -> None:
    def work(first: int) -> None:
        own = KeyStore.of(where, KEY, 20.0)
        for number in range(first, first + 10):
            own.put([issued(number)])
        own.close()

    crowd = [threading.Thread(target=work, args=(first,)) for first in (100, 200, 300, 400)]
    for thread in crowd:
        thread.start()
    seen: set[str] = set()
    mark = None
    while any(thread.is_alive() for thread in crowd) or store.changes(mark) is not None:
        changes = store.changes(mark)
        if changes is not None:
            assert not changes.whole or mark is None
            seen |= {one.record.id for one in changes.keys}
            mark = changes.mark
    for thread in crowd:
        thread.join()
    assert len(seen) == 40 == len(store.every())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("services", "openai"),
        ("networks", '["10.0.0.1/8"]'),
        ("hash", "zz"),
        ("budget_unit", "euros"),
        ("models", "[1]"),
    ],
)
def test_a_damaged_row_is_not_taken_for_a_key(store: KeyStore, column: str, value: str) -> None:
    store.put([issued(1)])
    store.run(lambda connection: connection.exec_driver_sql(f"UPDATE weir_keys SET {column} = '{value}'"))
    with pytest.raises(VirtualKeysError, match="damaged") as caught:
        store.changes(None)
    assert value not in str(caught.value)


def test_two_keys_never_have_one_hash(store: KeyStore) -> None:
    store.put([issued(1)])
    assert store.put([Issued(VirtualKey("vk-9"), f"{1:064x}")]) == (0, 0)
    assert [one.record.id for one, _ in store.every()] == ["vk-1"]


def test_what_a_fingerprint_tells() -> None:
    assert fingerprint(KEY) == fingerprint(bytes(range(32))) != fingerprint(bytes(32))
    assert len(fingerprint(KEY)) == 16 and KEY.hex()[:16] != fingerprint(KEY)
