"""Commands come to the store that weir was started with, and end in one line where they can't."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weir.cli.keystore import as_json, known_names, refuse_no_use
from weir.datadir import DataDir, write_private
from weir.keys.virtual import Uses, VirtualKey

NOWHERE = "postgresql://nobody:canary-word@127.0.0.1:1/none"


def test_a_note_of_the_running_weir_leads_there(weir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataDir(tmp_path / "data")
    write_private(data.keys / "store", b"env:WEIR_TEST_LEDGER")
    for command in (["list"], ["revoke", "vk-1"], ["create", "--app", "a", "--team", "t"], ["review"], ["export"]):
        done = weir("keys", *command, "--data", data.path)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert "WEIR_TEST_LEDGER" in done.err
    monkeypatch.setenv("WEIR_TEST_LEDGER", NOWHERE)
    done = weir("keys", "list", "--data", data.path)
    assert (done.code, done.out) == (1, "") and "PostgreSQL" in done.err and "canary-word" not in done.err
    assert not (data.path / "limits.db").exists()


def test_a_policy_names_the_store(weir, tmp_path: Path) -> None:
    data, policy = tmp_path / "data", tmp_path / "policy.yaml"
    policy.write_text("version: 1\nstores: {budgets: 'env:WEIR_TEST_LEDGER', timeout_ms: 100}\n")
    data.mkdir(mode=0o700)
    done = weir("keys", "list", "--policy", policy, "--data", data)
    assert done.code == 1 and "WEIR_TEST_LEDGER" in done.err
    policy.write_text("version: 7\n")
    assert weir("keys", "list", "--policy", policy, "--data", data).code == 2


def test_names_that_nobody_knows() -> None:
    assert known_names("services", "openai, anthropic,openai") == ("openai", "anthropic")
    assert known_names("operations", "") == ()
    with pytest.raises(ValueError, match="write chat"):
        known_names("operations", "chats")
    with pytest.raises(ValueError, match="write some of"):
        known_names("operations", "qqqqqqq")


def test_operations_that_a_service_has_not() -> None:
    with pytest.raises(ValueError, match=r"anthropic has none of these; its own are completions, .*messages"):
        refuse_no_use(("openai", "anthropic"), ("chat",))
    for services, operations in (((), ("chat",)), (("openai",), ()), (("openai", "anthropic"), ("chat", "messages"))):
        refuse_no_use(services, operations)
    refuse_no_use(("chatgpt-of-a-catalogue",), ("chat",))


def test_a_record_as_json() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    record = VirtualKey("vk-1", app="a", expires=datetime(2020, 1, 1, tzinfo=UTC))
    plain = as_json(record)
    assert list(plain)[:2] == ["id", "state"] and plain["state"] == "expired" and "uses" not in plain
    used = as_json(record, Uses(3, now, "10.0.0.1", now), now)
    assert (used["uses"], used["last_used"], used["last_address"]) == (3, "2026-11-21T00:00:00.000Z", "10.0.0.1")
    assert used["old_key_until"] == used["old_key_last_used"] == used["last_used"]
    json.dumps(used)
