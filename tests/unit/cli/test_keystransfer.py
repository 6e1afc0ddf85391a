"""Keys go from one store to another: with their hashes where the key of the hashes is the same, else as new keys."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from weir.datadir import DataDir
from weir.keys.virtual import VirtualKeys, looks_virtual


def ring(data: Path) -> VirtualKeys:
    return VirtualKeys(data / "limits.db", DataDir(data).secret("virtual-keys"))


@pytest.fixture
def exported(weir, tmp_path: Path) -> tuple[Path, Path, list[str]]:
    """A data directory with two keys and a revoked one, what was exported of it, and the keys."""
    data, file = tmp_path / "here", tmp_path / "keys.jsonl"
    made = [
        weir("keys", "create", "--app", app, "--team", "t", "--models", "gpt-5*", "--data", data).out.strip()
        for app in ("one", "two", "gone")
    ]
    record = ring(data).lookup(made[2])
    assert record is not None
    weir("keys", "revoke", record.id, "--data", data)
    done = weir("keys", "export", "--data", data)
    assert done.code == 0 and not any(key in done.out + done.err for key in made)
    file.write_text(done.out)
    return data, file, made


def test_with_the_same_key_their_holders_notice_nothing(weir, tmp_path: Path, exported) -> None:
    here, file, made = exported
    there = tmp_path / "there"
    DataDir(there).secret("virtual-keys")
    shutil.copy2(here / "secrets" / "virtual-keys.key", there / "secrets")
    done = weir("keys", "import", file, "--data", there)
    assert done.code == 0 and "3 keys taken over, 0 revoked, 0 as they were" in done.err
    assert [ring(there).lookup(key) for key in made] == [ring(here).lookup(key) for key in made]
    assert "0 keys taken over, 0 revoked, 3 as they were" in weir("keys", "import", file, "--data", there).err


def test_without_it_nothing_is_taken_over(weir, tmp_path: Path, exported) -> None:
    _, file, _ = exported
    there = tmp_path / "there"
    for folder in ("none made yet", "one with a key of its own"):
        done = weir("keys", "import", file, "--data", there)
        assert (done.code, done.out) == (1, ""), folder
        assert "secrets/virtual-keys.key" in done.err and "--new" in done.err
        assert there.exists() is (folder != "none made yet")
        assert ring(there).list() == ()


def test_new_keys_for_those_that_are_good(weir, tmp_path: Path, exported) -> None:
    _, file, made = exported
    there = tmp_path / "there"
    done = weir("keys", "import", file, "--new", "--data", there)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["app"] for row in rows] == ["one", "two"] and all(looks_virtual(row["key"]) for row in rows)
    for row in rows:
        record = ring(there).lookup(row["key"])
        assert record is not None and (record.id, record.models) == (row["id"], ("gpt-5*",)) and row["was"] != row["id"]
    assert not any(key in done.out for key in made)


@pytest.mark.parametrize(
    "line",
    [
        *("{", "[]", "{}", '{"id": "a", "hash": "zz", "hmac": "x"}', '{"id": "a", "hash": 5, "hmac": "x"}', "5", '"a"'),
        "[" * 60_000,
        json.dumps({"id": "a", "hash": " ".join(["ab"] * 32), "hmac": "x"}),
        json.dumps({"id": "a", "hash": "ab" * 32, "old_hash": "ab" * 32, "old_until": "0001-01-01T00:00:00+14:00"}),
        json.dumps({"id": "a", "hash": "ab" * 32, "hmac": "x", "expires": "9999-12-31T23:59:59-14:00"}),
    ],
    ids=range(11),
)
def test_one_damaged_line_and_nothing_is_taken_over(weir, tmp_path: Path, exported, line: str) -> None:
    here, file, _ = exported
    file.write_text(file.read_text().replace('"app": "one"', '"app": "other"') + line + "\n")
    done = weir("keys", "import", file, "--data", here)
    assert (done.code, done.out) == (1, "") and "line 4 is no exported key" in done.err
    assert {record.app for record in ring(here).list()} == {"one", "two", "gone"}


def test_files_that_are_none(weir, tmp_path: Path) -> None:
    assert weir("keys", "import", tmp_path / "none", "--data", tmp_path / "d").code == 2
    (tmp_path / "long").write_text("x" * 70_000)
    assert "too long" in weir("keys", "import", tmp_path / "long", "--data", tmp_path / "d").err
