"""What doctor says of virtual keys: that they can be read, or why not, and which end soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from weir import settings
from weir.cli.checkup.virtualkeys import virtual_keys
from weir.datadir import DataDir
from weir.edge.keys.keystore import keys_of

DEFAULT = settings.loads("version: 1")


def test_where_nobody_issued_one_there_is_nothing_to_say(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    assert virtual_keys(DEFAULT, data.path) == [] and not (data.path / "limits.db").exists()


def test_how_many_are_good(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    keys = keys_of(DEFAULT, data)
    keys.create(app="a")
    keys.revoke(keys.create(app="b")[0].id)
    (told,) = virtual_keys(DEFAULT, data.path)
    assert (told.status, told.detail) == ("ok", "1 key good, of 2, in limits.db")
    keys.create(app="c", expires=datetime.now(UTC) + timedelta(days=3))
    (told,) = virtual_keys(DEFAULT, data.path)
    assert told.status == "warn" and "1 to end within 14 days" in told.detail


def test_a_store_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataDir(tmp_path / "data")
    keys_of(DEFAULT, data).create(app="a")
    (data.path / "limits.db").chmod(0o644)
    (told,) = virtual_keys(DEFAULT, data.path)
    assert told.status == "fail" and "chmod 600" in told.detail and "30 s" in told.remedy
    monkeypatch.setenv("WEIR_TEST_LEDGER", "postgresql://nobody:canary-word@127.0.0.1:1/none")
    server = settings.loads("version: 1\nstores: {budgets: 'env:WEIR_TEST_LEDGER', timeout_ms: 300}")
    (told,) = virtual_keys(server, data.path)
    assert told.status == "fail" and "PostgreSQL" in told.detail and "canary-word" not in told.detail
    monkeypatch.delenv("WEIR_TEST_LEDGER")
    (told,) = virtual_keys(server, data.path)
    assert told.status == "fail" and "WEIR_TEST_LEDGER" in told.detail
