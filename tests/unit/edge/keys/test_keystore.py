"""Commands and the weir that runs come to the same store."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from weir import settings
from weir.datadir import DataDir
from weir.edge.keys.keystore import keys_of, named, running_keys, with_budgets_of_keys
from weir.keys.virtual import KeyBudget, VirtualKeysError

NOWHERE = "postgresql://nobody:canary-word@127.0.0.1:1/none"


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def test_by_default_in_the_file_of_the_budgets(data: DataDir) -> None:
    chosen = settings.loads("version: 1")
    keys = running_keys(chosen, data)
    assert keys.where == data.path / "limits.db" and not keys.where.exists()
    _, key = keys.create(app="a")
    assert keys_of(chosen, data).lookup(key) is not None and named(data.path) == ""


def test_with_a_server_it_starts_without_one_and_leaves_a_note(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_LEDGER", NOWHERE)
    chosen = settings.loads("version: 1\nstores: {budgets: 'env:WEIR_TEST_LEDGER', timeout_ms: 300}")
    keys = running_keys(chosen, data)
    assert "PostgreSQL" in keys.trouble and "canary-word" not in keys.trouble
    note = data.path / "keys" / "store"
    assert named(data.path) == "env:WEIR_TEST_LEDGER" and stat.S_IMODE(note.stat().st_mode) == 0o600
    with pytest.raises(VirtualKeysError, match="PostgreSQL"):
        keys_of(chosen, data)
    running_keys(settings.loads("version: 1"), data)
    assert named(data.path) == ""


def test_what_is_no_address_is_a_mistake(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_LEDGER", "mysql://canary-word")
    chosen = settings.loads("version: 1\nstores: {budgets: 'env:WEIR_TEST_LEDGER'}")
    with pytest.raises(ValueError, match=r"stores\.budgets") as caught:
        running_keys(chosen, data)
    assert "canary-word" not in str(caught.value)


def test_a_damaged_file_stops_the_start(data: DataDir) -> None:
    path = data.path / "limits.db"
    path.write_bytes(b"damaged" * 1000)
    path.chmod(0o600)
    with pytest.raises(VirtualKeysError, match="SQLite"):
        running_keys(settings.loads("version: 1"), data)


def test_budgets_of_keys_are_shown_beside_the_policys(data: DataDir) -> None:
    chosen = settings.loads("version: 1")
    assert with_budgets_of_keys(None, chosen, data) is None and not (data.path / "limits.db").exists()
    keys = keys_of(chosen, data)
    record, _ = keys.create(app="a", budget=KeyBudget.parse("5/day"))
    keys.revoke(keys.create(app="b", budget=KeyBudget.parse("5/day"))[0].id)
    plan = with_budgets_of_keys(None, chosen, data)
    assert plan is not None and [one.name for one in plan.budgets] == [record.id] and plan.ledger == keys.where
